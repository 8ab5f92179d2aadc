import type BetterSqlite3 from 'better-sqlite3';
import type { DataSource } from 'typeorm';

/** What of TypeORM's driver is used: it tells nobody how to open its connection anew. */
interface Driver {
  databaseConnection: BetterSqlite3.Database;
  readonly options: { readonly nativeBinding?: string | null; readonly key?: string };
}

/**
 * The connection of a DataSource, which can be given up and opened anew beneath it.
 *
 * The last connection to a file writes the log into it and removes the log. One whose log is not
 * that of the others must not do that: it would write what is old over what is new. So there is a
 * second connection, a read-only one, which keeps the first from being the last, and cannot write
 * itself.
 */
export class SqliteConnection {
  private readonly driver: Driver;
  private second: BetterSqlite3.Database | undefined;

  /** @param prepare what every new connection is set to. */
  constructor(
    dataSource: DataSource,
    private readonly path: string,
    private readonly timeout: number,
    private readonly prepare: (db: BetterSqlite3.Database) => void,
  ) {
    this.driver = dataSource.driver as unknown as Driver;
    this.openSecond();
  }

  get db(): BetterSqlite3.Database {
    return this.driver.databaseConnection;
  }

  get isOpen(): boolean {
    return this.db.open;
  }

  /** Closes it and leaves the files as they are. */
  abandon(): void {
    this.db.close();
    this.closeSecond();
  }

  /** @throws the driver's error when the file is not there, or is locked. */
  reopen(): void {
    const db = this.connect(false);
    try {
      this.prepare(db);
      db.exec('PRAGMA foreign_keys = ON');
      this.openSecond();
    } catch (error) {
      db.close();
      throw error;
    }
    this.driver.databaseConnection = db;
  }

  /** From now on whoever closes the connection may be the last one. */
  closeSecond(): void {
    this.second?.close();
    this.second = undefined;
  }

  /** It counts when it has read something. */
  private openSecond(): void {
    this.second = this.connect(true);
    try {
      this.second.exec('SELECT 1 FROM sqlite_master LIMIT 1');
    } catch (error) {
      this.closeSecond();
      throw error;
    }
  }

  private connect(readonly: boolean): BetterSqlite3.Database {
    const { key, nativeBinding } = this.driver.options;
    const options = { readonly, fileMustExist: true, timeout: this.timeout, nativeBinding };
    const Driver = this.db.constructor as typeof BetterSqlite3;
    const db = new Driver(this.path, options as BetterSqlite3.Options);
    if (key) db.exec(`PRAGMA key = ${JSON.stringify(key)}`);
    return db;
  }
}
