import type { BackendChange } from '../../../../core/capabilities/waking-backend.js';
import { within } from '../../../../core/within.js';
import type { Waker } from '../../waker.js';
import type { Changes, LaneHead } from './server-database.js';

/** Pauses between looks, in ms: the first one after news, how they grow, and the longest. */
const FIRST_PAUSE = 10;
const GROWTH = 1.25;
const LONGEST_PAUSE = 500;
/** Looks may take so large a part of the time: a slow server is asked less often. */
const SHARE = 1 / 10;
const LONGEST_REST = 10_000;
/** Ends and cancels are counted from an instant on, which moves every so many ms... */
const WINDOW = 2000;
/** ...to one that lies back as far as a commit may take to become visible. */
const LAG = 1000;
/** How long closing waits for a look that is under way, in ms: the server may have fallen silent. */
const LAST_LOOK = 500;

/** Every lane at an instant. */
interface Outlook {
  readonly now: number;
  readonly heads: readonly LaneHead[];
}

/**
 * Notices what other processes do where the database can wake nobody: looks while somebody
 * listens, often while something happens, and ever less often while nothing does.
 */
export class PollingWaker implements Waker {
  private onChange: ((change: BackendChange) => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private dueAt = Infinity;
  private looking: Promise<void> | undefined;
  private pause = FIRST_PAUSE;
  private rest = 0;
  /** How long the last look took, in ms. */
  private took = 0;

  private heads = new Map<string, number>();
  /** At first an instant that is ahead: nothing is to be counted. */
  private since = Number.MAX_SAFE_INTEGER;
  private ended = 0;
  private cancels = 0;
  /** Ends that this process brings about. */
  private ownEnds = 0;

  /**
   * @param survey which the claims of this process learn from, too.
   * @param countChanges since an instant.
   */
  constructor(
    private readonly survey: () => Promise<Outlook>,
    private readonly countChanges: (since: number) => Promise<Changes>,
  ) {}

  open(): void {
    // Looks begin when somebody listens.
  }

  /** Others may answer to what this process did. */
  ring(): void {
    this.hurry();
  }

  /** This process is about to end so many runs, of which it need not wake itself. */
  expectEnds(count: number): void {
    this.ownEnds += count;
  }

  listen(onChange: (change: BackendChange) => void): void {
    this.onChange = onChange;
    this.hurry();
  }

  ignore(): void {
    this.onChange = undefined;
    clearTimeout(this.timer);
    this.dueAt = Infinity;
  }

  async close(): Promise<void> {
    this.ignore();
    await within(LAST_LOOK, this.looking);
  }

  private hurry(): void {
    this.pause = FIRST_PAUSE;
    if (this.onChange && !this.looking) this.schedule();
  }

  /** Never later than is planned already. */
  private schedule(): void {
    const dueAt = performance.now() + Math.max(this.pause, this.rest);
    if (dueAt >= this.dueAt) return;
    clearTimeout(this.timer);
    this.dueAt = dueAt;
    this.timer = setTimeout(() => {
      this.dueAt = Infinity;
      this.looking = this.look().finally(() => {
        this.looking = undefined;
        if (this.onChange) this.schedule();
      });
    }, dueAt - performance.now()).unref();
  }

  private async look(): Promise<void> {
    const began = performance.now();
    this.pause = Math.min(LONGEST_PAUSE, this.pause * GROWTH);
    try {
      const [outlook, changes] = await Promise.all([this.survey(), this.countChanges(this.since)]);
      for (const change of this.newsOf(outlook, changes)) {
        this.pause = FIRST_PAUSE;
        this.onChange?.(change);
      }
    } catch {
      this.pause = LONGEST_PAUSE; // whoever writes will say what is wrong
    }
    // One that took long may only mean that this process stood still.
    const took = performance.now() - began;
    this.rest = Math.min(LONGEST_REST, Math.min(took, this.took) / SHARE);
    this.took = took;
  }

  private newsOf({ now, heads }: Outlook, { ended, cancels }: Changes): BackendChange[] {
    const news: BackendChange[] = [];
    const known = this.heads;
    this.heads = new Map(heads.map((head) => [laneOf(head), head.eta]));
    if ([...this.heads].some(([lane, eta]) => known.get(lane) !== eta)) {
      news.push({ kind: 'enqueued' });
    }
    const more = ended - this.ended;
    if (more > this.ownEnds) news.push({ kind: 'settled', taskIds: null });
    if (cancels > this.cancels) news.push({ kind: 'cancel-requested' });
    this.ownEnds = Math.max(0, this.ownEnds - more);
    this.ended = ended;
    this.cancels = cancels;
    if (Math.abs(now - this.since) > WINDOW) this.move(now - LAG);
    return news;
  }

  /** What lies between is news once more, since nobody has counted it apart. */
  private move(since: number): void {
    this.since = since;
    this.ended = 0;
    this.cancels = 0;
    this.ownEnds = 0;
  }
}

function laneOf({ queue, name, priority }: LaneHead): string {
  return `${priority}\n${queue}\n${name}`;
}
