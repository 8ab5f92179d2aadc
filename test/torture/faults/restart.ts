import { setTimeout as sleep } from 'node:timers/promises';
import { startMariadb } from '../../app/databases/mariadb-server.js';
import { startPostgres } from '../../app/databases/postgres-server.js';
import type { Fault } from '../fault.js';
import { troubles } from '../trouble.js';

const LONGEST_OUTAGE = 5000;

/** The database server goes away, in order or not, and comes back after up to five seconds. */
export const restart: Fault = {
  name: 'restart',
  title: 'the server crashes or stops, and is away for up to 5 s',
  kinds: ['postgres', 'mariadb'],
  async play(arena) {
    const server = await (arena.kind === 'postgres' ? startPostgres() : startMariadb());
    arena.afterwards(() => server.close());
    await arena.open({}, await server.createDatabase());
    return troubles(arena, async (n) => {
      await (n % 2 === 0 ? server.crash() : server.stop());
      await sleep(arena.between(0, LONGEST_OUTAGE));
      await server.start();
    });
  },
};
