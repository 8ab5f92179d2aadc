import type { BackendChange } from '../../core/capabilities/waking-backend.js';

/** What other processes are told of. `returned`: tasks that had a worker wait again. */
export type Ring = 'enqueued' | 'returned' | 'settled' | 'cancel-requested';

/** How processes that share a database wake each other. Always a hint. */
export interface Waker {
  /** Never throws: what does not work costs latency only, and is logged. */
  open(): Promise<void> | void;

  /** Tells the others, soon; many rings may become one. */
  ring(changes: ReadonlySet<Ring>): void;

  /** Calls back when another process rang, until `ignore`. */
  listen(onChange: (change: BackendChange) => void): void;
  ignore(): void;

  close(): Promise<void> | void;
}
