import type { Check } from '../check.js';
import type { Patient } from '../patient.js';

/** So many rows are looked at, and so many are listed. */
const MOST_ROWS = 100_000;
const MOST_LISTED = 20;

/** Payloads and results would have to be copied: MySQL makes a table of what is looked at. */
const LOOKED_AT = `id, status, priority, eta, attempt, lease, max_attempts, timeout, backoff, meta,
  error, worker_id, created_at, started_at, finished_at, cancel_requested_at`;
const ENDED = `('completed', 'failed', 'cancelled')`;

/** What a row says that sitq never writes: by the condition that finds it. */
const STRANGE: readonly (readonly [what: string, condition: string])[] = [
  [
    'an unknown status',
    `status NOT IN ('queued', 'running', 'blocked') AND status NOT IN ${ENDED}`,
  ],
  ['running without worker_id', `status = 'running' AND worker_id IS NULL`],
  ['running without started_at', `status = 'running' AND started_at IS NULL`],
  [
    'not ended, but with finished_at',
    `status IN ('queued', 'running') AND finished_at IS NOT NULL`,
  ],
  ['ended, but without finished_at', `status IN ${ENDED} AND finished_at IS NULL`],
  ['attempt is below 0', 'attempt < 0'],
  ['lease is below 0', 'lease < 0'],
  ['max_attempts is below 1', 'max_attempts < 1'],
  ['timeout is below 1', 'timeout < 1'],
  ['backoff is no JSON object', `backoff NOT LIKE '{%}'`],
  ['meta is no JSON object', `meta NOT LIKE '{%}'`],
  ['error is no JSON object', `error NOT LIKE '{%}'`],
];

/** Of SQLite, where a column may hold any type. */
const UNTYPED = [
  ...['priority', 'eta', 'attempt', 'lease', 'created_at'].map(
    (column) => [`${column} is no integer`, `typeof(${column}) <> 'integer'`] as const,
  ),
  ...['max_attempts', 'timeout', 'started_at', 'finished_at', 'cancel_requested_at'].map(
    (column) =>
      [`${column} is no integer`, `typeof(${column}) NOT IN ('integer', 'null')`] as const,
  ),
  ...['backoff', 'meta', 'error'].map(
    (column) =>
      [`${column} is no JSON`, `${column} IS NOT NULL AND NOT json_valid(${column})`] as const,
  ),
];

/** Tasks whose rows are not as sitq writes them. */
export const rowsCheck: Check = {
  name: 'rows',
  after: 'boot',
  run: async (patient) => {
    const rows = await strangeRows(patient);
    if (rows.length === 0) return { state: 'well', text: 'as sitq writes them' };
    const some = rows.length === MOST_LISTED ? 'at least ' : '';
    return {
      state: 'warning',
      text: `${some}${rows.length} not as sitq writes them`,
      remedy:
        'Put right what the lines name by SQL: NULL for backoff, meta, error, timeout and ' +
        `max_attempts; to run a task again status 'queued' with finished_at NULL.`,
      lines: rows.map(({ id, what }) => `${id}: ${what}`),
      data: { rows },
    };
  },
};

async function strangeRows(patient: Patient): Promise<{ id: string; what: string }[]> {
  const { dataSource, dialect, inspection } = patient;
  const { product } = await inspection.identify();
  const strange = product === 'SQLite' ? [...STRANGE, ...UNTYPED] : STRANGE;
  const cases = strange.map(([what, condition]) => `WHEN ${condition} THEN '${what}'`).join(' ');
  const rows = await dataSource.query<{ id: unknown; what: string }[]>(
    dialect.schema.names.in(
      `SELECT id, what FROM (
         SELECT id, CASE ${cases} END AS what FROM (SELECT ${LOOKED_AT} FROM {task} LIMIT ${MOST_ROWS}) looked
       ) found WHERE what IS NOT NULL LIMIT ${MOST_LISTED}`,
    ),
  );
  return rows.map(({ id, what }) => ({ id: String(id), what }));
}
