import type { Check } from './check.js';

/** Who answers. */
export interface ServerIdentity {
  /** What TypeORM calls it: a mysql:// URL may well lead to a MariaDB. */
  readonly type: string;
  /** Such as `PostgreSQL`. */
  readonly product: string;
  readonly version: string;
  /** Whom we are to the server; null where there are no users. */
  readonly user: string | null;
}

/** An index of our tables as it is. */
export interface IndexShape {
  readonly name: string;
  /** In the order of the index. */
  readonly columns: readonly string[];
  /** Which rows are in it, word for word as entities say it; null for all. */
  readonly where: string | null;
}

/** What a doctor asks of one kind of database. */
export interface Inspection {
  identify(): Promise<ServerIdentity>;
  /** The server's time in ms; null where the clock is that of this machine. */
  readonly now: (() => Promise<number>) | null;
  indexes(): Promise<IndexShape[]>;
  /** For what only this kind of database suffers from. */
  readonly checks: readonly Check[];
}
