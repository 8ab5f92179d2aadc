import type { Fault } from '../fault.js';
import { FailingCalls } from '../failing-calls.js';
import { troubles } from '../trouble.js';

/** All, each third, or each tenth write or sync of the file fails for about a second. */
export const ioErrors: Fault = {
  name: 'io-errors',
  title: 'writes and syncs of the file fail with EIO for 0.5 to 1.5 s',
  kinds: ['sqlite'],
  missing: () => FailingCalls.missing(),
  async play(arena) {
    await arena.open();
    return troubles(arena, async (n) => {
      const pids = arena.living.map(({ pid }) => pid);
      const calls = await FailingCalls.of(pids, [1, 3, 10][n % 3]!);
      await arena.pass(500, 1500);
      await calls.end();
    });
  },
};
