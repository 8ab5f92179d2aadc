import { effort, SEED } from './app/effort.js';
import { stores } from './app/stores.js';
import { FAULTS } from './torture/faults.js';
import { torture } from './torture/torture.js';

/** A minute of it; all the rest is `npm run torture`. */
const SELECTION: Readonly<Record<string, readonly [fault: string, cycles: number][]>> = {
  sqlite: [
    ['rollback', effort(8, 40)],
    ['lock-holder', 1],
    ['shutdown', effort(2, 8)],
    ['fuzz', effort(1, 4)],
  ],
  postgres: [
    ['sessions', effort(3, 8)],
    ['network', effort(3, 10)],
    ['fuzz', effort(1, 4)],
  ],
  mysql: [
    ['network', effort(3, 10)],
    ['fuzz', effort(1, 4)],
  ],
  mariadb: [
    ['network', effort(3, 10)],
    ['deadlocks', effort(3, 10)],
    ['fuzz', effort(1, 4)],
  ],
};

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
