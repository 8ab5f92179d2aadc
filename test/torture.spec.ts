import { stores } from './app/stores.js';
import { FAULTS } from './torture/faults.js';
import { torture } from './torture/torture.js';

/** Two minutes of it; all the rest is `npm run torture`. */
const SELECTION: Readonly<Record<string, readonly [fault: string, cycles: number][]>> = {
  sqlite: [
    ['rollback', 20],
    ['lock-holder', 1],
    ['shutdown', 4],
    ['fuzz', 2],
  ],
  postgres: [
    ['sessions', 4],
    ['network', 5],
    ['fuzz', 1],
  ],
  mysql: [
    ['network', 5],
    ['fuzz', 1],
  ],
  mariadb: [
    ['network', 5],
    ['deadlocks', 5],
    ['fuzz', 1],
  ],
};
const SEED = 20261122;

describe.each(stores())('on %s', (db) => {
  test.each(SELECTION[db]!)(
    '%s: nothing is lost or done that must not be',
    async (name, cycles) => {
      const fault = FAULTS.find((each) => each.name === name)!;
      const verdict = await torture(fault, db, { seed: SEED, cycles, time: 180_000 });
      console.log(verdict);
      expect(verdict).toMatchObject({ violations: [], lost: 0, cycles });
      expect(verdict.tasks).toBeGreaterThan(50);
    },
  );
});
