import { BackendError } from '../../../../errors/backend.error.js';
import { SOCKET_ERRORS } from '../server/socket-errors.js';

/** SQLSTATEs, or how those of a class begin. */
const OUTAGE = ['08', '57P', '53', '25006', '25P03', '25P04', '58'];
/** Also a statement that the server was told to cancel: nothing of it was done. */
const CONFLICT = ['40', '55P03', '57014'];
const MISTAKE = ['21', '22', '23', '54'];

/** What `pg` says without giving a code. */
const LOST =
  /connection terminated|connection error|timeout|read timeout|connection ended|not queryable/i;

/** The connection was lost or could not be made, or the server is going down or full. */
export function isOutage(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '') return error instanceof Error && LOST.test(error.message);
  return SOCKET_ERRORS.has(code) || startsWithOne(code, OUTAGE);
}

/** Deadlocks and failed serializations: nothing was done. */
export function isConflict(error: unknown): boolean {
  return startsWithOne(codeOf(error), CONFLICT);
}

/** The session behind the connection is not the one that prepared the statement. */
export function isPreparedElsewhere(error: unknown): boolean {
  return ['26000', '42P05'].includes(codeOf(error));
}

/** A key that is there already. Nothing of the statement was done. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === '23505';
}

export function isMissingTable(error: unknown): boolean {
  return codeOf(error) === '42P01';
}

/** Something that cannot be stored, such as a NUL character. */
export function isMistake(error: unknown): boolean {
  return (
    startsWithOne(codeOf(error), MISTAKE) ||
    error instanceof TypeError ||
    error instanceof RangeError
  );
}

export function toBackendError(error: unknown): BackendError {
  if (error instanceof BackendError) return error;
  const code = codeOf(error);
  if (error instanceof Error) hideValues(error);
  const what = isOutage(error) ? 'PostgreSQL cannot be used now' : 'PostgreSQL refused';
  const message = `${what}: ${messageOf(error)}${code && ` (${code})`}.${remedy(code)}`;
  return new BackendError(message, {
    cause: error,
    transient: isOutage(error) || isConflict(error),
    unstorable: isMistake(error),
  });
}

/** What the server tells beside its message may be a whole row, with the arguments of a task. */
function hideValues(error: Error & { detail?: string; where?: string }): void {
  delete error.detail;
  delete error.where;
}

function remedy(code: string): string {
  switch (code) {
    case '22P05':
      return ` Its encoding is not UTF8: move the tables to a database whose encoding is.`;
    case '42P01':
      return ` The tables are missing: run 'npx sitq migrate', or set migrate: true.`;
    case '42501':
      return ` Grant the role what 'npx sitq schema --type postgres --grants <role>' prints.`;
    case '53300':
      return ` Raise the server's max_connections, or lower poolSize.`;
    default:
      return '';
  }
}

/** Where several addresses were tried the error itself says nothing. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errors = [] } = error as { errors?: unknown[] };
  return error.message || errors.map(messageOf).join(', ') || error.name;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  // Several addresses were tried, none answered.
  const [first] = (error as { errors?: unknown[] } | null)?.errors ?? [];
  return first === undefined ? '' : codeOf(first);
}

function startsWithOne(code: string, beginnings: readonly string[]): boolean {
  return beginnings.some((beginning) => code.startsWith(beginning));
}
