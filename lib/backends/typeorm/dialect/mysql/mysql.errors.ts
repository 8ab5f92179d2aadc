import { BackendError } from '../../../../errors/backend.error.js';
import { SOCKET_ERRORS } from '../server/socket-errors.js';

/** Errors of the driver, which have no number. */
const LOST = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_UNEXPECTED_PACKET',
]);

/**
 * Numbers of the server: shutting down, no more connections, connection killed or idle, disk or
 * memory full, a disk that fails (below the log, a file, a table), read-only (which after a failover
 * another server is not), node of a cluster not ready.
 */
const OUTAGE = new Set([
  1053, 1040, 1203, 1226, 1927, 4031, 1159, 1161, 1021, 1114, 1206, 1037, 1041, 1180, 1181, 1030,
  1024, 1026, 1290, 1792, 1836, 1047, 3100,
]);
/** Below it are numbers of the operating system's layer: a file cannot be opened, read, written. */
const FIRST_OF_SERVER = 1000;
/**
 * Deadlock, wait for a lock given up, row changed since it was read, not certified by a cluster;
 * also a statement that the server was told to cut off: nothing of it was done.
 */
const CONFLICT = new Set([1213, 1205, 1020, 3572, 3101, 1317, 1969, 3024]);
/** Too long, out of range, NULL, too large a packet; no such character, also in a converted column. */
const MISTAKE = new Set([1406, 1264, 1265, 1366, 1292, 1048, 1153, 1301, 1690, 1267, 1270, 1271]);

/** The connection was lost or could not be made, or the server is going down or full. */
export function isOutage(error: unknown): boolean {
  const { code, errno, fatal, message } = detailsOf(error);
  if (errno !== undefined && errno > 0) return errno < FIRST_OF_SERVER || OUTAGE.has(errno);
  if (code !== undefined) return LOST.has(code) || SOCKET_ERRORS.has(code);
  return fatal === true || /closed state/.test(message);
}

/** Deadlocks and the like: nothing was done, once the transaction is rolled back. */
export function isConflict(error: unknown): boolean {
  return CONFLICT.has(detailsOf(error).errno ?? 0);
}

/** Something that cannot be stored, such as what is larger than the server takes. */
export function isMistake(error: unknown): boolean {
  return (
    MISTAKE.has(detailsOf(error).errno ?? 0) ||
    error instanceof TypeError ||
    error instanceof RangeError
  );
}

/** An id that is stored already. Nothing of the statement was done. */
export function isTaken(error: unknown): boolean {
  return detailsOf(error).errno === 1062;
}

export function isMissingTable(error: unknown): boolean {
  return detailsOf(error).errno === 1146;
}

/** Whether the server refused the statement and nothing else: the connection can be used again. */
export function isRefusal(error: unknown): boolean {
  const { errno, fatal } = detailsOf(error);
  const goesOn = isConflict(error) || isMistake(error) || isTaken(error) || isMissingTable(error);
  return goesOn && errno !== 1153 && fatal !== true;
}

export function toBackendError(error: unknown): BackendError {
  if (error instanceof BackendError) return error;
  const { code, errno, message } = detailsOf(error);
  if (error instanceof Error) delete (error as { sql?: string }).sql; // it has the task in it
  const tag = code === undefined || message.includes(code) ? '' : ` (${code})`;
  const what = isOutage(error) ? 'MySQL cannot be used now' : 'MySQL refused';
  return new BackendError(`${what}: ${message}${tag}.${remedy(errno)}`, {
    cause: error,
    transient: isOutage(error) || isConflict(error),
    unstorable: isMistake(error),
  });
}

function remedy(errno: number | undefined): string {
  switch (errno) {
    case 1146:
      return ` The tables are missing: run 'npx sitq migrate', or set migrate: true.`;
    case 1142:
    case 1044:
      return ` Grant the user what 'npx sitq schema --type mysql --grants <user>' prints.`;
    case 1040:
    case 1203:
      return ` Raise the server's max_connections, or lower poolSize.`;
    case 1665:
      return ` Set binlog_format=ROW (or MIXED) on the server.`;
    default:
      return '';
  }
}

interface Details {
  readonly code: string | undefined;
  readonly errno: number | undefined;
  readonly fatal: boolean | undefined;
  readonly message: string;
}

function detailsOf(error: unknown): Details {
  const {
    code,
    errno,
    fatal,
    errors = [],
  } = (error ?? {}) as Record<'code' | 'errno' | 'fatal', unknown> & { errors?: unknown[] };
  // Several addresses were tried, none answered.
  if (code === undefined && errors.length > 0) return detailsOf(errors[0]);
  return {
    code: typeof code === 'string' ? code : undefined,
    errno: typeof errno === 'number' ? errno : undefined,
    fatal: typeof fatal === 'boolean' ? fatal : undefined,
    message: error instanceof Error ? error.message || error.name : String(error),
  };
}
