import Database from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { Store } from './stores.js';

/** Runs a script as the plain client of the database would. */
export async function runScript({ kind, options }: Store, script: string): Promise<void> {
  if (script === '') return;
  if (!('url' in options)) {
    const db = new Database(options.database);
    db.exec(script);
    db.close();
  } else if (kind === 'postgres') {
    const client = new Client(options.url);
    await client.connect();
    await client.query(script);
    await client.end();
  } else {
    const connection = await createConnection({ uri: options.url, multipleStatements: true });
    await connection.query(script);
    await connection.end();
  }
}
