import type { TaskRun } from '../task-run.js';

/** How many runs are remembered, and how many are named. */
const MOST_REMEMBERED = 10;
const MOST_NAMED = 3;

interface Computation {
  readonly run: TaskRun;
  readonly ms: number;
  readonly at: number;
}

/** Remembers who may have kept the event loop busy, for when it has stood still. */
export class Culprits {
  /** Runs that computed for long before they let go for the first time. */
  private readonly computed: Computation[] = [];
  /** Runs that ended lately: one that held up everything may be over when that is noticed. */
  private readonly ended: TaskRun[] = [];

  noteComputed(run: TaskRun, ms: number): void {
    if (this.computed.push({ run, ms, at: performance.now() }) > MOST_REMEMBERED) {
      this.computed.shift();
    }
  }

  noteEnded(run: TaskRun): void {
    if (this.ended.push(run) > MOST_REMEMBERED) this.ended.shift();
  }

  /** Who it was that let the event loop stand still for so many ms up to now, as far as is known. */
  describe(ms: number, running: readonly TaskRun[]): string {
    const middle = performance.now() - ms / 2;
    const sure = this.computed.filter((each) => each.at > middle && each.ms > ms / 2);
    if (sure.length > 0) return ` because of ${names(sure.map(({ run }) => run))}`;
    const there = [...running, ...this.ended].filter((run) => run.claimedAt < middle);
    return there.length > 0 ? ` while there ran ${names(there)}` : '';
  }
}

function names(runs: readonly TaskRun[]): string {
  const named = runs.slice(0, MOST_NAMED);
  return named.map(({ reserved: { id, name } }) => `task ${name} ${id}`).join(', ');
}
