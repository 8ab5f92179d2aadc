import { statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DataSource } from 'typeorm';
import type { Check } from '../../doctor/check.js';
import type { IndexShape, Inspection, ServerIdentity } from '../../doctor/inspection.js';
import { driverCheck } from './driver.check.js';

/** Numbers by which Linux knows file systems of other machines: NFS, CIFS and SMB 2. */
const REMOTE = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
]);

/** What a doctor asks of SQLite. */
export class SqliteInspection implements Inspection {
  readonly now = null;
  readonly checks: readonly Check[];

  constructor(private readonly dataSource: DataSource) {
    this.checks = [
      driverCheck,
      { name: 'file', run: () => this.examineFile() },
      { name: 'disk', run: () => this.examineDisk() },
    ];
  }

  async identify(): Promise<ServerIdentity> {
    const [row] = await this.dataSource.query<{ version: string }[]>(
      'SELECT sqlite_version() AS version',
    );
    return { type: 'better-sqlite3', product: 'SQLite', version: row!.version, user: null };
  }

  async indexes(): Promise<IndexShape[]> {
    const rows = await this.dataSource.query<{ name: string; sql: string; columns: string }[]>(
      `SELECT name, sql, (SELECT json_group_array(name) FROM (
         SELECT i.name FROM pragma_index_info(m.name) i ORDER BY i.seqno)) AS columns
       FROM sqlite_master m WHERE type = 'index' AND sql IS NOT NULL`,
    );
    return rows.map(({ name, sql, columns }) => ({
      name,
      columns: JSON.parse(columns) as string[],
      where: /\sWHERE\s+(.*?)\s*$/is.exec(sql)?.[1] ?? null,
    }));
  }

  private async examineFile() {
    const rows = await this.dataSource.query<{ quick_check: string }[]>('PRAGMA quick_check(10)');
    const damages = rows.map((row) => row.quick_check).filter((text) => text !== 'ok');
    if (damages.length === 0) return { state: 'well', text: 'not damaged' } as const;
    return {
      state: 'fault',
      text: 'damaged',
      remedy: `Restore a backup, or save what can be read with sqlite3's .recover.`,
      lines: damages,
      data: { damages },
    } as const;
  }

  /** The lock files of SQLite, and its shared memory, do not work across machines. */
  private async examineDisk() {
    const { database } = this.dataSource.options as { database: string };
    const { type } = await statfs(resolve(database));
    const remote = REMOTE.get(type);
    if (!remote) return { state: 'well', text: 'local' } as const;
    return {
      state: 'fault',
      text: `of another machine (${remote})`,
      remedy: 'Put the file on a local disk, or use PostgreSQL or MySQL.',
    } as const;
  }
}
