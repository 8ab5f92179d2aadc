import Database from 'better-sqlite3';
import type { StoreOptions } from '../app/stores.js';
import { TcpProxy } from '../app/tcp-proxy.js';
import type { Arena } from './arena.js';

/** A way to a store that can be barred for those who go it. */
export interface Access {
  readonly options: StoreOptions;
  /** From now on the store is away: a server does not answer, a file is locked. */
  bar(): void;
  /** Ends that. */
  clear(): Promise<void>;
}

/** To the store of an open arena, whose other processes go another way where there is one. */
export async function accessTo(arena: Arena): Promise<Access> {
  const { options } = arena.store;
  if ('database' in options) {
    const db = new Database(options.database, { timeout: 10_000 });
    arena.afterwards(() => db.close());
    return {
      options,
      bar: () => void db.exec('BEGIN IMMEDIATE'),
      clear: async () => void db.exec('COMMIT'),
    };
  }
  const proxy = await TcpProxy.to(options.url);
  arena.afterwards(() => proxy.close());
  return {
    options: { ...options, url: proxy.url },
    bar: () => {
      proxy.refuse();
      proxy.cut();
    },
    clear: () => proxy.accept(),
  };
}
