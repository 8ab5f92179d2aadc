import { Client } from 'pg';

/** Fresh databases on a PostgreSQL server. A filled one has one that was filled as template. */
export class PostgresStores {
  prepared = new Map();

  static async open(server) {
    const stores = new PostgresStores(server);
    const [{ version, number }] = await stores.query(
      `SELECT current_setting('server_version') AS version,
         current_setting('server_version_num')::int AS number`,
    );
    stores.version = version;
    stores.byFileCopy = number >= 150_000 ? 'STRATEGY FILE_COPY' : '';
    return stores;
  }

  constructor(server) {
    this.server = server;
  }

  /** A database that `prepare` has made ready; later ones of the same name are copies of it. */
  async fresh(name, _options, prepare) {
    if (!this.prepared.has(name)) this.prepared.set(name, await this.template(prepare));
    const copy = unique();
    const template = this.prepared.get(name);
    await this.query(`CREATE DATABASE ${copy} TEMPLATE ${template} ${this.byFileCopy}`);
    await this.query('CHECKPOINT'); // not in the middle of what is measured
    return { store: this.storeIn(copy), drop: () => this.drop(copy) };
  }

  async template(prepare) {
    const name = unique();
    await this.query(`CREATE DATABASE ${name}`);
    try {
      await prepare(this.storeIn(name));
      await this.query('VACUUM ANALYZE', this.urlOf(name)); // as autovacuum would have by then
    } catch (error) {
      await this.drop(name);
      throw error;
    }
    return name;
  }

  /** Durable as the server is, which is said. */
  async durability() {
    const [{ fsync, commit }] = await this.query(
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit`,
    );
    return `fsync ${fsync}, synchronous_commit ${commit}`;
  }

  async close() {
    for (const name of this.prepared.values()) await this.drop(name);
    this.prepared.clear();
  }

  drop(name) {
    return this.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }

  storeIn(name) {
    return { kind: 'postgres', url: this.urlOf(name) };
  }

  urlOf(name) {
    const url = new URL(this.server);
    url.pathname = `/${name}`;
    return url.href;
  }

  async query(statement, url = this.server) {
    const client = new Client(url);
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  }
}

function unique() {
  return `sitq_peers_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
}
