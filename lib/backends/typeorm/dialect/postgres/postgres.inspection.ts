import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Notification, PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import type { Check } from '../../doctor/check.js';
import type { IndexShape, Inspection, ServerIdentity } from '../../doctor/inspection.js';
import type { StoreSettings } from '../../store-settings.js';
import { encodingNote, holdsAnyText } from './postgres.encoding.js';
import { NOW } from './postgres.statements.js';

/** How long a notification may take, in ms. */
const LONGEST_NOTIFICATION = 2000;

/** What a doctor asks of PostgreSQL. */
export class PostgresInspection implements Inspection {
  readonly checks: readonly Check[];

  constructor(
    private readonly dataSource: DataSource,
    private readonly settings: StoreSettings,
  ) {
    this.checks = [
      { name: 'wake-up', run: () => this.examineWakeUp() },
      { name: 'vacuum', after: 'migrations', run: () => this.examineVacuum() },
      { name: 'encoding', run: () => this.examineEncoding() },
      { name: 'durability', run: () => this.examineDurability() },
    ];
  }

  async identify(): Promise<ServerIdentity> {
    const [row] = await this.dataSource.query<{ version: string; user: string }[]>(
      `SELECT current_setting('server_version') AS version, current_user AS user`,
    );
    return { type: 'postgres', product: 'PostgreSQL', ...row! };
  }

  now = async (): Promise<number> => {
    const [row] = await this.dataSource.query<{ now: string }[]>(`SELECT ${NOW} AS now`);
    return Number(row!.now);
  };

  /** What is not valid, such as a CREATE INDEX CONCURRENTLY that failed, is as good as none. */
  indexes(): Promise<IndexShape[]> {
    return this.dataSource.query(
      `SELECT i.relname AS name, pg_get_expr(x.indpred, x.indrelid) AS "where",
         ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, place)
           JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
           WHERE x.indisvalid ORDER BY k.place) AS columns
       FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
       JOIN pg_namespace n ON n.oid = i.relnamespace
       WHERE n.nspname = coalesce($1, current_schema())`,
      [this.settings.schema ?? null],
    );
  }

  private async examineEncoding() {
    const [row] = await this.dataSource.query<{ encoding: string }[]>(
      `SELECT current_setting('server_encoding') AS encoding`,
    );
    const { encoding } = row!;
    if (holdsAnyText(encoding)) return { state: 'well', text: encoding } as const;
    return { state: 'warning', text: encoding, remedy: encodingNote(encoding) } as const;
  }

  private async examineWakeUp() {
    if (!this.settings.listen) return { state: 'well', text: 'by polling alone' } as const;
    if (await this.isHeard()) return { state: 'well', text: 'LISTEN hears NOTIFY' } as const;
    return {
      state: 'fault',
      text: 'LISTEN does not hear NOTIFY',
      remedy:
        'Behind a pooler in transaction mode set listen: false (here --no-listen), or connect past it.',
    } as const;
  }

  /** From one connection to another: a pooler may give both calls of one to the same session. */
  private async isHeard(): Promise<boolean> {
    const listener = this.dataSource.createQueryRunner();
    const channel = `sitq_${randomUUID()}`;
    try {
      const client = (await listener.connect()) as PoolClient;
      const heard = new Promise<boolean>((resolve) =>
        client.on('notification', (message: Notification) => {
          if (message.channel === channel) resolve(true);
        }),
      );
      await client.query(`LISTEN "${channel}"`);
      await this.dataSource.query('SELECT pg_notify($1, $2)', [channel, '']);
      const late = sleep(LONGEST_NOTIFICATION, false, { ref: false });
      const result = await Promise.race([heard, late]);
      await client.query(`UNLISTEN "${channel}"`);
      return result;
    } finally {
      await listener.release();
    }
  }

  /** Every task leaves dead rows behind; without vacuum each claim steps over all of them. */
  private async examineVacuum() {
    const { schema = null, tablePrefix } = this.settings;
    const rows = await this.dataSource.query<{ name: string }[]>(
      `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
       WHERE n.nspname = coalesce($1, current_schema()) AND c.relname = ANY($2)
         AND o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean`,
      [schema, ['task', 'worker', 'log', 'progress'].map((name) => tablePrefix + name)],
    );
    const off = rows.map(({ name }) => name);
    const remedy = 'Turn it on: claims become slower with every task that ends.';
    if (off.length > 0) {
      const text = `autovacuum is off for ${off.join(', ')}`;
      return { state: 'fault', text, remedy, data: { off } } as const;
    }
    const [server] = await this.dataSource.query<[{ autovacuum: string }]>('SHOW autovacuum');
    if (server.autovacuum === 'on') return { state: 'well', text: 'autovacuum is on' } as const;
    return { state: 'warning', text: 'autovacuum is off on this server', remedy } as const;
  }

  private async examineDurability() {
    const rows = await this.dataSource.query<{ name: string }[]>(
      `SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'`,
    );
    const off = rows.map(({ name }) => name);
    if (off.length === 0) return { state: 'well', text: 'commits reach the disk' } as const;
    return {
      state: 'warning',
      text: `${off.join(' and ')} off`,
      remedy: 'A power cut can take or damage what was acknowledged.',
      data: { off },
    } as const;
  }
}
