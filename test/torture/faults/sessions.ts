import { SERVERS, type Fault } from '../fault.js';

/** Connections are ended by the server, about once a second, whoever uses them. */
export const sessions: Fault = {
  name: 'sessions',
  title: 'pg_terminate_backend or KILL of a random session, once a second',
  kinds: SERVERS,
  async play(arena) {
    await arena.open();
    const sql = await arena.store.sql();
    arena.afterwards(() => sql.close());
    let killed = 0;
    await arena.cycles(async () => {
      await arena.pass(500, 1500);
      const list =
        sql.kind === 'postgres'
          ? `SELECT pid AS id FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()`
          : `SELECT id FROM information_schema.processlist
             WHERE db = database() AND id <> connection_id()`;
      const session = arena.pick(await sql.query<{ id: number }>(list));
      const end =
        sql.kind === 'postgres'
          ? `SELECT pg_terminate_backend(${session.id})`
          : `KILL ${session.id}`;
      await sql.run(end).catch(() => undefined); // gone by itself
      killed += 1;
    });
    return { 'sessions killed': killed };
  },
};
