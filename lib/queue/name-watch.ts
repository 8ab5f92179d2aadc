import type { Backend } from '../core/backend.js';
import { isWorkerListingBackend } from '../core/capabilities/worker-listing-backend.js';
import type { SitqLogger } from '../core/logger.js';
import type { HandlerRegistry } from '../core/registry.js';
import { likelyNames } from './likely-names.js';

/** After so many names nothing is looked up any more: somebody makes them. */
const MOST_NAMES = 1000;
/** How long after the first enqueue of a name to look for it, in ms. */
const SOON = 1000;
/** The same for a handler of this process, whose worker may have yet to start, and without workers. */
const LATER = 30_000;

/**
 * Says of a task name that no live worker has it, once: a typo, or a process that was built
 * otherwise, would make tasks that wait for ever. It looks beside the enqueue, which costs that
 * one look at the workers for all names of a second, and nothing afterwards.
 */
export class NameWatch {
  /** When to look for each name that was met, by `performance.now()`; `Infinity`: settled. */
  private readonly due = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;
  private readonly isUseful: boolean;

  constructor(
    private readonly backend: Backend,
    private readonly registry: HandlerRegistry,
    private readonly logger: SitqLogger | undefined,
    private readonly soon = SOON,
    private readonly later = LATER,
  ) {
    this.isUseful = logger !== undefined && isWorkerListingBackend(backend);
  }

  /** A task of this name was enqueued. */
  note(name: string): void {
    if (this.due.has(name) || this.due.size === MOST_NAMES || !this.isUseful) return;
    this.lookFor(name, this.registry.get(name) ? this.later : this.soon);
  }

  close(): void {
    clearTimeout(this.timer);
    this.timerAt = -Infinity;
  }

  private lookFor(name: string, delay: number): void {
    const at = performance.now() + delay;
    this.due.set(name, at);
    if (at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(() => void this.look(), delay).unref();
  }

  private async look(): Promise<void> {
    const known = await this.namesOfWorkers();
    if (this.timerAt === -Infinity) return; // closed meanwhile
    this.timerAt = Infinity;
    const now = performance.now();
    for (const [name, at] of this.due) {
      if (at === Infinity) continue;
      if (at > now) this.lookFor(name, at - now);
      else if (known.size === 0) this.lookFor(name, this.later);
      else this.judge(name, known);
    }
  }

  private judge(name: string, known: ReadonlySet<string>): void {
    this.due.set(name, Infinity);
    if (known.has(name)) return;
    const { hint } = likelyNames(name, known);
    this.logger?.warn(
      `Tasks named '${name}' are enqueued here, but no live worker has such a handler: they wait ` +
        `until one has. ${hint || 'Is the name right, and does the process run that has it?'}`,
    );
  }

  /** None also where the store cannot tell, or not now. */
  private async namesOfWorkers(): Promise<Set<string>> {
    const { backend } = this;
    if (!isWorkerListingBackend(backend)) return new Set();
    const workers = await backend.listWorkers().catch(() => []);
    return new Set(workers.filter(({ alive }) => alive).flatMap(({ handlers }) => handlers));
  }
}
