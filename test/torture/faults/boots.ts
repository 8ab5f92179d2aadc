import { sitqSchema } from '../../../lib/index.js';
import { Child } from '../../app/processes/child.js';
import { createStore } from '../../app/stores.js';
import { EVERYWHERE, type Fault } from '../fault.js';

const BOOTS = 20;

/** Many processes of a first deploy meet an empty database at the same moment. */
export const boots: Fault = {
  name: 'boots',
  title: 'twenty processes boot at once on an empty database',
  kinds: EVERYWHERE,
  async play(arena) {
    await arena.open({ workers: 1 });
    const children = Array.from({ length: BOOTS }, (_, n) => Child.boot(`boot-${n}`));
    arena.afterwards(() => children.forEach((child) => child.kill('SIGKILL')));
    await Promise.all(children.map((child) => child.ready()));
    let booted = 0;
    await arena.cycles(async () => {
      const store = await createStore(arena.kind);
      await Promise.all(children.map((child) => child.ask('boot', store.options)));
      const sql = await store.sql();
      const migrations = await sql.query('SELECT name FROM sitq_migration');
      const workers = await sql.query('SELECT id FROM sitq_worker');
      await sql.close();
      const wanted = sitqSchema({ type: arena.kind }).migrations.length;
      if (migrations.length !== wanted) throw new Error(`${migrations.length} migrations`);
      if (workers.length !== BOOTS) throw new Error(`${workers.length} workers of ${BOOTS}`);
      booted += workers.length;
      await Promise.all(children.map((child) => child.ask('close')));
      await store.drop();
    });
    return { booted, failures: BOOTS * arena.done - booted };
  },
};
