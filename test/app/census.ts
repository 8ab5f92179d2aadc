import { setTimeout as sleep } from 'node:timers/promises';
import type { Sql } from './databases/sql.js';

const COUNT = {
  postgres: `SELECT count(*) AS count FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'sitq'`,
  mysql: `SELECT count(*) AS count FROM information_schema.processlist WHERE db = database()`,
};

/** Counts the connections that sitq has to a database of its own, again and again. */
export class Census {
  private most = 0;
  private isOver = false;
  private readonly counting: Promise<void>;

  /** @param ours connections of the test, which MySQL cannot tell from others. */
  constructor(
    private readonly sql: Sql,
    private readonly ours: number,
  ) {
    this.counting = this.count();
  }

  /** How many there were at once, at most. */
  async stop(): Promise<number> {
    this.isOver = true;
    await this.counting;
    return this.most;
  }

  private async count(): Promise<void> {
    const isPostgres = this.sql.kind === 'postgres';
    while (!this.isOver) {
      const [row] = await this.sql.query<{ count: number }>(
        isPostgres ? COUNT.postgres : COUNT.mysql,
      );
      this.most = Math.max(this.most, Number(row!.count) - (isPostgres ? 0 : this.ours));
      await sleep(50);
    }
  }
}
