import { TaskQueue, TypeOrmBackend } from 'nestjs-sitq';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { findMariadb, startMariadb } from './app/databases/mariadb-server.js';
import { runCli } from './app/run-cli.js';

/** What an administrator may set for everybody, so that nobody reads or writes whole tables. */
const CAUTION = ['sql_safe_updates = 1', 'sql_select_limit = 1', 'max_join_size = 1000'];

const OWN = findMariadb() ? [['mariadb', startMariadb] as const] : [];

test.each(OWN)(
  'a %s that is careful with everybody refuses and hides nothing',
  async (_, start) => {
    const server = await start();
    try {
      const { options, sql } = await server.createDatabase();
      const root = await sql();
      for (const setting of CAUTION) await root.run(`SET GLOBAL ${setting}`);
      await root.close();
      const { url } = options as { url: string };
      const sitq = (...args: string[]) => runCli([...args, '--url', url]);
      expect(await sitq('migrate')).toMatchObject({ code: 0, err: '' });

      const backend = new TypeOrmBackend(options);
      await backend.open();
      const queue = new TaskQueue({ backend });
      await queue.enqueueMany('Any.task', [[1], [2]]);
      const app = await new DataSource(options as DataSourceOptions).initialize();
      await app.transaction((manager) => queue.enqueue('Any.task', [3], { manager }));
      const claimed = await backend.reserveTask('worker', { maxTasks: 3 });
      expect(claimed.map(({ payload }) => payload)).toHaveLength(3);
      const [first, ...rest] = claimed;
      const joined = await app.transaction((manager) =>
        backend.completeIn(manager, first!.id, first!.lease, null),
      );
      await joined.over();
      for (const { id, lease } of rest) {
        await backend.storeResult(id, { status: 'success', lease, value: null });
      }
      expect(await backend.pruneTasks({ completed: Date.now() + 60_000 }, 100)).toBe(3);
      expect(await sitq('doctor')).toMatchObject({ code: 0 });
      await app.destroy();
      await backend.close();
      expect(await sitq('migrate', '--down', '--yes')).toMatchObject({ code: 0, err: '' });
      expect(await sitq('migrate')).toMatchObject({ code: 0, err: '' });
    } finally {
      await server.close();
    }
  },
);
