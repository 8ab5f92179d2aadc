import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../clock.mjs';
import { Helper } from '../helper.mjs';

/** Tasks per second of two worker processes together. */
export async function measure({ session, row, store, queued, count, setting, limit }) {
  const start = () => Helper.start('drain', { row, store, setting });
  const crew = new Crew(await Promise.all([start(), start()]));
  const began = clock();
  const endedAt = await Promise.race([crew.drain(count), sleep(limit)]);
  if (!endedAt) await crew.kill();
  const took = (endedAt ?? clock()) - began;
  const done = queued - (await session.unfinished());
  if (endedAt && done < count) throw new Error(`The store has only ${done} tasks completed.`);
  return { rate: (1000 * done) / took, done };
}

/** Workers that are told to finish when together they have done enough. */
class Crew {
  told = false;

  constructor(helpers) {
    this.helpers = helpers;
    this.reports = helpers.map(() => ({ done: 0, at: 0 }));
  }

  /** Resolves to when the last of so many tasks was done. */
  async drain(count) {
    for (const helper of this.helpers) helper.send('start');
    await Promise.all(this.helpers.map((_, i) => this.follow(i, count)));
    return Math.max(...this.reports.map(({ at }) => at));
  }

  async follow(i, count) {
    while (!this.reports[i].final) {
      this.reports[i] = await this.helpers[i].receive();
      const total = this.reports.reduce((sum, { done }) => sum + done, 0);
      if (this.told || total < count) continue;
      this.told = true;
      for (const helper of this.helpers) helper.send('finish');
    }
    await this.helpers[i].end();
  }

  /** Without a word, since some let no message in while they work. */
  kill() {
    return Promise.all(this.helpers.map((helper) => helper.kill()));
  }
}
