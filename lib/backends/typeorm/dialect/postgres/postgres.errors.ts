import { BackendError } from '../../../../errors/backend.error.js';

/** SQLSTATEs, or the first two characters of their class. */
const OUTAGE = ['08', '57P', '53', '25006', '58'];
const CONFLICT = ['40', '55P03'];
const MISTAKE = ['21', '22', '23', '54'];

/** Errors of sockets, and what `pg` says without giving a code. */
const SOCKET = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
const LOST =
  /connection terminated|connection error|timeout|read timeout|connection ended|not queryable/i;

/** The connection was lost or could not be made, or the server is going down or full. */
export function isOutage(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '') return error instanceof Error && LOST.test(error.message);
  return SOCKET.has(code) || startsWithOne(code, OUTAGE);
}

/** Deadlocks and failed serializations: nothing was done. */
export function isConflict(error: unknown): boolean {
  return startsWithOne(codeOf(error), CONFLICT);
}

/** The session behind the connection is not the one that prepared the statement. */
export function isPreparedElsewhere(error: unknown): boolean {
  return ['26000', '42P05'].includes(codeOf(error));
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
  const message = error instanceof Error ? error.message || error.name : String(error);
  return new BackendError(`PostgreSQL refused: ${message}${code && ` (${code})`}.${remedy(code)}`, {
    cause: error,
    transient: isOutage(error) || isConflict(error),
  });
}

function remedy(code: string): string {
  switch (code) {
    case '42P01':
      return ` The tables are missing: run 'npx sitq migrate', or set migrate: true.`;
    case '42501':
      return ` Grant the role what 'npx sitq schema --type postgres --grants <role>' prints.`;
    default:
      return '';
  }
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
