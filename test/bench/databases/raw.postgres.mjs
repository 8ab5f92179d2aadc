import { Client } from 'pg';
import { v7 } from 'uuid';
import { NAME, PAYLOAD } from '../payload.mjs';
import { seconds } from '../workspace.mjs';

const COLUMNS =
  'id, name, queue, payload, priority, eta, max_attempts, timeout, backoff, meta, created_at';
const TYPES = 'text text text text int bigint int bigint text text bigint'.split(' ');
const NOW = '(extract(epoch FROM statement_timestamp()) * 1000)::bigint';

const INSERT_ONE = `INSERT INTO sitq_task (${COLUMNS}) VALUES (${TYPES.map((_, i) => `$${i + 1}`)})`;
const INSERT_MANY = `INSERT INTO sitq_task (${COLUMNS})
  SELECT * FROM unnest(${TYPES.map((type, i) => `$${i + 1}::${type}[]`)})`;

/** Settles what the last one claimed, and claims the next. */
const SETTLE_AND_CLAIM = `WITH settled AS (
    UPDATE sitq_task t SET status = 'completed', result = '{"ok":true}', finished_at = ${NOW}
    FROM (SELECT h.at FROM unnest($1::text[], $2::int[]) AS u(id, lease) CROSS JOIN LATERAL (
      SELECT h.ctid AS at FROM sitq_task h
      WHERE h.id = u.id AND h.lease = u.lease AND h.status = 'running' OFFSET 0) h) s
    WHERE t.ctid = s.at
  ), picked AS MATERIALIZED (
    SELECT ctid AS at FROM sitq_task
    WHERE status = 'queued' AND queue = 'default' AND name = '${NAME}' AND priority = 0
      AND (eta, seq) > ($4, $5) AND eta <= ${NOW}
    ORDER BY eta, seq LIMIT $3 FOR UPDATE SKIP LOCKED
  ) UPDATE sitq_task t SET status = 'running', attempt = attempt + 1, lease = lease + 1,
      worker_id = 'worker', started_at = ${NOW}, max_attempts = 3
    FROM picked p WHERE t.ctid = p.at
    RETURNING t.id, t.lease, t.eta, t.seq, t.name, t.queue, t.payload, t.priority, t.max_attempts,
      t.timeout, t.backoff, t.meta, t.created_at, t.attempt`;

/** The least that could be done: the same rows by `pg` itself on one connection. */
export class RawPostgres {
  static async open({ url }) {
    const client = new Client(url);
    await client.connect();
    return new RawPostgres(client);
  }

  constructor(client) {
    this.client = client;
  }

  close() {
    return this.client.end();
  }

  /** Rows per second, so many rows a statement. */
  async enqueue(count, rowsPerStatement) {
    const rows = Array.from({ length: count }, row);
    const took = await seconds(async () => {
      if (rowsPerStatement === 1) {
        for (const values of rows) await this.client.query(INSERT_ONE, values);
        return;
      }
      for (let at = 0; at < count; at += rowsPerStatement) {
        const part = rows.slice(at, at + rowsPerStatement);
        await this.client.query(
          INSERT_MANY,
          TYPES.map((_, column) => part.map((values) => values[column])),
        );
      }
    });
    return count / took;
  }

  /** Tasks per second of a loop that settles so many rows and claims as many in one statement. */
  async drain(count, batch) {
    let done = 0;
    let held = [];
    let last = [0, 0];
    const took = await seconds(async () => {
      while (done < count) {
        const ids = held.map((task) => task[0]);
        const leases = held.map((task) => task[1]);
        const values = [ids, leases, batch, ...last];
        const { rows } = await this.client.query({
          text: SETTLE_AND_CLAIM,
          values,
          rowMode: 'array',
        });
        done += held.length;
        held = rows;
        for (const [, , eta, seq] of rows) {
          if (Number(eta) > last[0] || (Number(eta) === last[0] && Number(seq) > last[1])) {
            last = [Number(eta), Number(seq)];
          }
        }
      }
    });
    return done / took;
  }
}

function row() {
  const now = Date.now();
  return [v7(), NAME, 'default', PAYLOAD, 0, now, null, null, null, null, now];
}
