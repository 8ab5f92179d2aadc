import type { DataSource } from 'typeorm';
import type { Check } from '../../doctor/check.js';
import type { IndexShape, Inspection, ServerIdentity } from '../../doctor/inspection.js';
import { NOW } from './mysql.statements.js';

/** What a doctor asks of MySQL and MariaDB. */
export class MysqlInspection implements Inspection {
  readonly checks: readonly Check[];

  constructor(private readonly dataSource: DataSource) {
    this.checks = [
      { name: 'storage', after: 'migrations', run: () => this.examineStorage() },
      { name: 'durability', run: () => this.examineDurability() },
    ];
  }

  async identify(): Promise<ServerIdentity> {
    const [row] = await this.dataSource.query<[{ version: string; user: string }]>(
      'SELECT version() AS version, current_user() AS user',
    );
    const version = row.version.replace(/^5\.5\.5-/, '');
    return /mariadb/i.test(version)
      ? { type: 'mariadb', product: 'MariaDB', version, user: row.user }
      : { type: 'mysql', product: 'MySQL', version, user: row.user };
  }

  now = async (): Promise<number> => {
    const [row] = await this.dataSource.query<[{ now: unknown }]>(`SELECT ${NOW} AS now`);
    return Number(row.now);
  };

  async indexes(): Promise<IndexShape[]> {
    const rows = await this.dataSource.query<{ name: string; column: string }[]>(
      `SELECT index_name AS name, column_name AS \`column\` FROM information_schema.statistics
       WHERE table_schema = DATABASE() ORDER BY index_name, seq_in_index`,
    );
    const columns = new Map<string, string[]>();
    for (const { name, column } of rows) {
      columns.set(name, [...(columns.get(name) ?? []), column]);
    }
    return [...columns].map(([name, list]) => ({ name, columns: list, where: null }));
  }

  /** Other engines have no transactions; other collations take two ids for the same one. */
  private async examineStorage() {
    const { product } = await this.identify();
    const collation = product === 'MariaDB' ? 'utf8mb4_nopad_bin' : 'utf8mb4_0900_bin';
    const names = this.dataSource.entityMetadatas.map(({ tableName }) => `'${tableName}'`);
    const rows = await this.dataSource.query<{ name: string; engine: string }[]>(
      `SELECT t.table_name AS name, t.engine AS engine FROM information_schema.tables t
       WHERE t.table_schema = DATABASE() AND t.table_name IN (${names.join(', ')})
         AND (t.engine <> 'InnoDB' OR EXISTS (SELECT 1 FROM information_schema.columns c
           WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name
             AND c.collation_name <> '${collation}'))`,
    );
    if (rows.length === 0) return { state: 'well', text: `InnoDB, ${collation}` } as const;
    return {
      state: 'fault',
      text: `${rows.map(({ name }) => name).join(', ')}: not InnoDB with ${collation}`,
      remedy: 'Tasks would be lost, or taken for each other. This converts the tables.',
      lines: rows.map(
        ({ name }) =>
          `ALTER TABLE \`${name}\` ENGINE = InnoDB, ` +
          `CONVERT TO CHARACTER SET utf8mb4 COLLATE ${collation};`,
      ),
    } as const;
  }

  private async examineDurability() {
    const [row] = await this.dataSource.query<[{ level: unknown }]>(
      'SELECT @@innodb_flush_log_at_trx_commit AS level',
    );
    if (Number(row.level) === 1) return { state: 'well', text: 'commits reach the disk' } as const;
    return {
      state: 'warning',
      text: `innodb_flush_log_at_trx_commit is ${Number(row.level)}`,
      remedy: 'A power cut can take what was acknowledged in the last second; 1 prevents that.',
    } as const;
  }
}
