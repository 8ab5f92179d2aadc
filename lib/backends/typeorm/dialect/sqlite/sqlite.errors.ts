import { BackendError } from '../../../../errors/backend.error.js';
import { SitqError } from '../../../../errors/sitq.error.js';

const TRANSIENT = ['SQLITE_LOCKED', 'SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_NOMEM'];
const OWN_MISTAKE = ['SQLITE_CONSTRAINT', 'SQLITE_TOOBIG', 'SQLITE_MISMATCH', 'SQLITE_RANGE'];

/**
 * The application itself holds the lock in a transaction with tasks. Trying to get it would freeze
 * the event loop, and with it the transaction.
 */
export class OwnTransactionError extends Error {
  readonly code = 'SQLITE_BUSY';

  /** @param patience how long it is waited for, in ms. */
  constructor(patience: number) {
    super(
      `A transaction of this process, in which something about a task was written, has been open ` +
        `for ${patience} ms. Make it shorter. If it waits for this very call, give the call its ` +
        `manager.`,
    );
  }
}

/** @param patience how long a locked file has been waited for, in ms. */
export function toBackendError(error: unknown, patience: number): BackendError {
  if (error instanceof BackendError) return error;
  if (error instanceof OwnTransactionError) {
    return new BackendError(error.message, { transient: true });
  }
  if (isBusy(error)) {
    return new BackendError(
      `The database was locked for ${patience} ms. Does another program hold a transaction open, ` +
        `or one of this program wait for this very call? Then give the call its manager.`,
      { cause: error, transient: true },
    );
  }
  const code = codeOf(error);
  const transient = TRANSIENT.some((prefix) => code.startsWith(prefix));
  return new BackendError(`SQLite refused: ${messageOf(error)}${code && ` (${code})`}.`, {
    cause: error,
    transient,
    unstorable: OWN_MISTAKE.some((prefix) => code.startsWith(prefix)),
  });
}

/** One write of a batch is wrong, not the database. */
export function isOwnMistake(error: unknown): boolean {
  const code = codeOf(error);
  return (
    error instanceof SitqError ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof SyntaxError || // of a row that says something else than we wrote
    OWN_MISTAKE.some((prefix) => code.startsWith(prefix))
  );
}

/** Another connection holds the lock: nothing was done. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY');
}

export function isMissingTable(error: unknown): boolean {
  return /no such table/.test(messageOf(error));
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
