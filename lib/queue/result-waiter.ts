import type { Backend } from '../core/backend.js';
import { isWakingBackend, type BackendChange } from '../core/capabilities/waking-backend.js';
import type { StoredResult } from '../core/result.js';
import { BackendError } from '../errors/backend.error.js';
import { TaskNotFoundError } from '../errors/task-not-found.error.js';
import { AbortWatch } from './abort-watch.js';
import { ResultReader } from './result-reader.js';

/** How often to look when nobody rings. */
const POLL_INTERVAL = 1000;

interface Waiter {
  readonly finish: (result: StoredResult | null) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Waits for results: at once for tasks that end in this process, by the backend's wake-up for
 * others, by polling where neither comes. It listens only while somebody waits.
 */
export class ResultWaiter {
  private readonly waiting = new Map<string, Set<Waiter>>();
  private stopListening: (() => void) | undefined;
  private poll: NodeJS.Timeout | undefined;
  private checking = false;
  private checkAgain = false;
  private readonly reader: ResultReader;
  private readonly aborts = new AbortWatch();

  constructor(private readonly backend: Backend) {
    this.reader = new ResultReader(backend);
  }

  /**
   * The final result, or null when `timeout` ms have passed.
   *
   * @throws TaskNotFoundError when there is no such task; the signal's reason when it aborts.
   */
  async wait(
    taskId: string,
    timeout: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<StoredResult | null> {
    signal?.throwIfAborted();
    const result = await this.look(taskId);
    if (result || timeout === 0) return result;
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const timer =
        timeout === undefined ? undefined : setTimeout(() => waiter.finish(null), timeout);
      const leave = () => {
        clearTimeout(timer);
        ignore?.();
        this.remove(taskId, waiter);
      };
      const waiter: Waiter = {
        finish: (final) => (leave(), resolve(final)),
        fail: (error) => (leave(), reject(error as Error)),
      };
      const ignore = signal && this.aborts.on(signal, () => waiter.fail(signal.reason));
      this.add(taskId, waiter);
      void this.check([taskId]); // it may have ended between the look and now
    });
  }

  /** Ends every wait with this error. */
  close(error: Error): void {
    for (const waiters of this.waiting.values()) {
      for (const waiter of waiters) waiter.fail(error);
    }
  }

  private async look(taskId: string): Promise<StoredResult | null> {
    const result = await this.reader.read(taskId);
    if (!result) throw new TaskNotFoundError(taskId);
    return result.status === 'pending' ? null : result;
  }

  private add(taskId: string, waiter: Waiter): void {
    const waiters = this.waiting.get(taskId);
    if (waiters) waiters.add(waiter);
    else this.waiting.set(taskId, new Set([waiter]));
    if (this.poll) return;
    this.poll = setInterval(() => void this.checkAll(), POLL_INTERVAL);
    if (isWakingBackend(this.backend)) {
      this.stopListening = this.backend.onChange((change) => this.onChange(change));
    }
  }

  private remove(taskId: string, waiter: Waiter): void {
    const waiters = this.waiting.get(taskId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.waiting.delete(taskId);
    if (this.waiting.size > 0) return;
    clearInterval(this.poll);
    this.poll = undefined;
    this.stopListening?.();
  }

  private onChange(change: BackendChange): void {
    if (change.kind === 'elsewhere' || (change.kind === 'settled' && !change.taskIds)) {
      void this.checkAll();
    } else if (change.kind === 'settled') {
      const ours = change.taskIds?.filter((id) => this.waiting.has(id));
      if (ours?.length) void this.check(ours);
    }
  }

  /** One look at everything at a time; rings that come meanwhile make one more. */
  private async checkAll(): Promise<void> {
    if (this.checking) {
      this.checkAgain = true;
      return;
    }
    this.checking = true;
    do {
      this.checkAgain = false;
      const began = performance.now();
      await this.check([...this.waiting.keys()]);
      // Many waiters make a look dear: then it may take a tenth of the time at most.
      const rest = 9 * (performance.now() - began);
      if (rest > 1) await new Promise((resolve) => setTimeout(resolve, rest));
    } while (this.checkAgain && this.waiting.size > 0);
    this.checking = false;
  }

  private async check(taskIds: readonly string[]): Promise<void> {
    await Promise.all(taskIds.map((taskId) => this.checkOne(taskId)));
  }

  private async checkOne(taskId: string): Promise<void> {
    try {
      const result = await this.look(taskId);
      if (result) this.tell(taskId, (waiter) => waiter.finish(result));
    } catch (error) {
      if (error instanceof BackendError && error.transient) return; // the next poll looks again
      this.tell(taskId, (waiter) => waiter.fail(error));
    }
  }

  private tell(taskId: string, act: (waiter: Waiter) => void): void {
    for (const waiter of this.waiting.get(taskId) ?? []) act(waiter);
  }
}
