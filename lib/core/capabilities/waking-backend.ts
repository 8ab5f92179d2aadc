import type { Backend, ReserveRequest } from '../backend.js';

/**
 * What happened in the store. `elsewhere`: another process did something, which may be any of
 * the others.
 *
 * @publicApi
 */
export type BackendChange =
  | { readonly kind: 'cancel-requested' | 'elsewhere' }
  | {
      readonly kind: 'enqueued';
      /** Some had a worker before, and may come before what has been enqueued since. */
      readonly again?: boolean;
    }
  | {
      readonly kind: 'settled';
      /** Null when the store does not say which. */
      readonly taskIds: readonly string[] | null;
    };

/**
 * A store that tells when there is something to do, so that nobody has to poll. Always a hint:
 * a change may go unannounced, and an announcement may turn out empty.
 *
 * @publicApi
 */
export interface WakingBackend {
  /** Calls back on each change. Returns the function that ends it. */
  onChange(listener: (change: BackendChange) => void): () => void;

  /**
   * The earliest instant at which a waiting task of this request may start, or null. It may have
   * come already: whoever asks has looked for tasks a moment before.
   */
  nextEta(request: ReserveRequest): Promise<number | null>;
}

/** Whether the store has this capability. */
export function isWakingBackend(backend: Backend): backend is Backend & WakingBackend {
  return 'onChange' in backend && 'nextEta' in backend;
}
