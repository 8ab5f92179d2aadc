/**
 * `pending` until the task is terminal.
 *
 * @publicApi
 */
export type ResultStatus = 'pending' | 'success' | 'failed' | 'cancelled';

/**
 * An error as it is kept: plain text, cleaned of what a database may refuse.
 *
 * @publicApi
 */
export interface StoredError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
  /** `code` of the error where it had one; sitq's own errors always have. */
  readonly code?: string;
}

/**
 * What a backend returns about a task's outcome. While a task waits for a retry, `error` is that
 * of the attempt before.
 *
 * @publicApi
 */
export interface StoredResult {
  readonly taskId: string;
  readonly status: ResultStatus;
  /** The serialized return value of a `success`. */
  readonly value: string | null;
  readonly error: StoredError | null;
  readonly createdAt: number;
  readonly completedAt: number | null;
}

/**
 * The outcome of a run that ends its task, with the lease that entitles to write it.
 *
 * @publicApi
 */
export type FinalResult = { readonly lease: number } & (
  | { readonly status: 'success'; readonly value: string | null }
  | { readonly status: 'failed'; readonly error: StoredError }
  | { readonly status: 'cancelled'; readonly error?: StoredError }
);

/**
 * The outcome of a task as the application sees it.
 *
 * @publicApi
 */
export interface Result {
  readonly taskId: string;
  readonly status: ResultStatus;
  /** The serialized return value; `TaskQueue.deserializeResult` reads it. */
  readonly value: string | null;
  /** Message of the error, else null. */
  readonly error: string | null;
  /** Name of the error, else null. */
  readonly errorName: string | null;
  /** `code` of the error, else null. */
  readonly errorCode: string | null;
  /** Stack of the error, else null. */
  readonly stack: string | null;
  readonly createdAt: Date;
  readonly completedAt: Date | null;
}
