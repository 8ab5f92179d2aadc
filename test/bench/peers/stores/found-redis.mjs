import { Redis } from 'ioredis';

const SERVER = process.env.SITQ_BENCH_REDIS_URL ?? 'redis://127.0.0.1:6379';

/** A Redis server that is there, as it is; only in a database of it that is empty. */
export class FoundRedis {
  /** Null where none answers, or none of its databases is empty. */
  static async find() {
    const client = new Redis(SERVER, { retryStrategy: null, lazyConnect: true });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const db = await emptyDatabase(client);
      if (db === undefined) return null;
      const [, appendonly] = await client.config('GET', 'appendonly');
      const [, version] = /redis_version:(\S+)/.exec(await client.info('server'));
      return Object.assign(new FoundRedis(), { client, db, appendonly, version });
    } catch {
      return null;
    }
  }

  /** Its settings are not ours to change. */
  accepts({ appendonly }) {
    return appendonly === this.appendonly;
  }

  async fresh(_name, _options, prepare) {
    const { host, port, username, password } = this.client.options;
    const store = { kind: 'redis', connection: { host, port, username, password, db: this.db } };
    await this.client.flushdb();
    await prepare(store);
    return { store, drop: () => this.client.flushdb() };
  }

  async close() {
    this.client.disconnect();
  }
}

async function emptyDatabase(client) {
  for (let db = 15; db >= 0; db -= 1) {
    await client.select(db);
    if ((await client.dbsize()) === 0) return db;
  }
  return undefined;
}
