import { setTimeout as sleep } from 'node:timers/promises';

/** More than any peer holds back for its next statement. */
const HELD_BACK = 20_000;

/** For peers that do not tell when an outcome is stored: asks for what was handled last. */
export class HandledIds {
  /** @param sql the number of tasks among the ids `$1` that are not completed */
  constructor(client, sql) {
    this.client = client;
    this.sql = sql;
    this.ids = [];
  }

  add(ids) {
    this.ids.push(...ids);
    if (this.ids.length > 2 * HELD_BACK) this.ids = this.ids.slice(-HELD_BACK);
  }

  /** Resolves when all of them are completed in the store. */
  async settled() {
    const ids = this.ids.slice(-HELD_BACK);
    for (;;) {
      const { rows } = await this.client.query(this.sql, [ids]);
      if (rows[0].count === 0) return;
      await sleep(2);
    }
  }
}
