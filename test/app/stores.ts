import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerKind, StoreKind } from './databases/kinds.js';
import { createDatabase, serverKinds } from './databases/servers.js';
import { openSqlite, type Sql } from './databases/sql.js';

/** Databases that sitq can use. */
const SUPPORTED: ReadonlySet<StoreKind> = new Set<StoreKind>([
  'sqlite',
  'postgres',
  'mysql',
  'mariadb',
]);

/** For `SitqModule.forRoot`, `TypeOrmBackend` and child processes; plain JSON. */
export type StoreOptions = (
  { readonly database: string } | { readonly type: ServerKind; readonly url: string }
) & {
  readonly durability?: 'full' | 'relaxed';
};

/** An empty place for tasks, of its own. */
export interface Store {
  readonly kind: StoreKind;
  readonly options: StoreOptions;
  /** A connection past sitq, to be closed by the caller. */
  sql(): Promise<Sql>;
  /** Removes it, whoever still uses it. */
  drop(): Promise<void>;
}

/** The kinds of store that this run has. */
export function stores(): StoreKind[] {
  return (['sqlite', ...serverKinds()] as const).filter((kind) => SUPPORTED.has(kind));
}

export async function createStore(kind: StoreKind = 'sqlite'): Promise<Store> {
  if (kind !== 'sqlite') return createDatabase(kind);
  const folder = mkdtempSync(join(tmpdir(), 'sitq-'));
  const drop = async () => rmSync(folder, { recursive: true, force: true });
  return { ...createSqliteAt(join(folder, 'tasks.sqlite')), drop };
}

/** In this file, which stays. */
export function createSqliteAt(database: string): Store {
  return {
    kind: 'sqlite',
    options: { database },
    sql: async () => openSqlite(database),
    drop: async () => undefined,
  };
}
