import { TaskQueue, type TypeOrmBackend } from 'nestjs-sitq';
import type { Sql } from './app/databases/sql.js';
import { Scene } from './app/processes/scene.js';
import { createStore, stores } from './app/stores.js';

/** What remains beside the table of tasks when somebody removes tasks by hand. */
describe.each(stores())('on %s', (kind) => {
  let scene: Scene;
  let queue: TaskQueue;
  let backend: TypeOrmBackend;
  let sql: Sql;
  beforeEach(async () => {
    scene = new Scene(await createStore(kind));
    queue = await scene.queue();
    backend = queue.backend as TypeOrmBackend;
    sql = await scene.connect();
  });
  afterEach(() => scene.close());

  test.each([
    ['of another id', 'ann', 'bob'],
    ['of the same id', 'ann', 'ann'],
  ])('a task shows nothing of one %s that had its place', async (_, before, after) => {
    const place = await run(before, 'secret of the first');
    await removeAll();
    await enqueue(after);
    expect(await placeOf(after)).toBe(place);

    expect(await seen(after)).toEqual({ progress: null, log: [] });
    await report(after, 'of the second');
    expect(await seen(after)).toEqual({ progress: 'of the second', log: ['of the second'] });
  });

  test('its own lines are kept, however many others there are of the same place', async () => {
    await run('ann', ...Array.from({ length: 1000 }, (_, i) => `old ${i}`));
    await removeAll();
    await run('bob', ...Array.from({ length: 990 }, (_, i) => `new ${i}`));
    await report('bob', 'the last');
    const { log } = await seen('bob');
    expect([log.length, log[0], log.at(-1)]).toEqual([991, 'new 0', 'the last']);
  });

  test('goes with the task that has ended since at the same place', async () => {
    await run('ann', 'left over');
    await removeAll();
    await run('bob', 'of its own');
    await backend.storeResult('bob', { lease: 1, status: 'success', value: null });
    await backend.pruneTasks({ completed: Date.now() + 60_000 }, 10);
    const own = kind === 'postgres' ? `WHERE task_id = 'bob'` : '';
    expect(await sql.query(`SELECT line FROM sitq_log ${own}`)).toEqual([]);
    expect(await sql.query('SELECT value FROM sitq_progress')).toEqual([]);
  });

  test('reports of a version that names no task are those of a task that is not younger', async () => {
    await run('ann', 'of this version');
    const place = await placeOf('ann');
    const { createdAt } = (await queue.getTask('ann'))!;
    const line = (at: number, text: string) =>
      sql.run(
        `INSERT INTO sitq_log (task_seq, attempt, at, line) VALUES (${place}, 1, ${at}, '${text}')`,
      );
    await line(createdAt.getTime() - 1, 'left over');
    await line(createdAt.getTime(), 'of a version before');
    expect((await seen('ann')).log).toEqual(['of this version', 'of a version before']);
    await sql.run(`UPDATE sitq_progress SET task_id = NULL, task_created_at = NULL`);
    expect((await seen('ann')).progress).toBeNull();
  });

  /** Removes the tasks, as people do, so that the next one gets the place of the first. */
  function removeAll(): Promise<void> {
    const statements = {
      sqlite: 'DELETE FROM sitq_task',
      postgres: 'TRUNCATE sitq_task RESTART IDENTITY',
      mysql: 'TRUNCATE sitq_task',
      mariadb: 'TRUNCATE sitq_task',
    };
    return sql.run(statements[kind]);
  }

  async function enqueue(id: string): Promise<void> {
    await queue.enqueue('Any.task', [], { id });
  }

  /** A task that runs and has reported these lines. Resolves to its place. */
  async function run(id: string, ...lines: string[]): Promise<number> {
    await enqueue(id);
    await report(id, ...lines);
    return placeOf(id);
  }

  async function report(id: string, ...lines: string[]): Promise<void> {
    if ((await backend.getTask(id))!.status === 'queued') await backend.reserveTask('worker');
    const { lease } = (await backend.getTask(id))!;
    await backend.storeReport(id, {
      lease,
      progress: JSON.stringify(lines[0]),
      lines: lines.map((line) => ({ at: Date.now(), attempt: 1, line })),
    });
  }

  async function seen(id: string): Promise<{ progress: unknown; log: string[] }> {
    const { progress } = (await queue.getTask(id))!;
    const log = (await backend.getLog(id))!.map(({ line }) => line);
    return { progress, log };
  }

  async function placeOf(id: string): Promise<number> {
    const [row] = await sql.query<{ seq: number }>(`SELECT seq FROM sitq_task WHERE id = '${id}'`);
    return Number(row!.seq);
  }

  if (kind === 'postgres') {
    describe('on a replica that took over without the counters', () => {
      beforeEach(async () => {
        await run('ann', 'one', 'two', 'three');
        await sql.run(
          'ALTER TABLE sitq_task ALTER COLUMN seq RESTART',
          'ALTER TABLE sitq_log ALTER COLUMN seq RESTART',
        );
      });

      test('a task that gets the place of a living one reports its own', async () => {
        const place = await placeOf('ann');
        expect(await run('bob', 'first', 'second')).toBe(place);
        expect(await seen('bob')).toEqual({ progress: 'first', log: ['first', 'second'] });
        expect(await seen('ann')).toMatchObject({ log: ['one', 'two', 'three'] });
        await report('bob', 'third');
        expect((await seen('bob')).log).toEqual(['first', 'second', 'third']);
      });

      test('a task that is removed takes nothing of the other with it', async () => {
        await run('bob', 'kept');
        await backend.storeResult('ann', { lease: 1, status: 'success', value: null });
        expect(await backend.pruneTasks({ completed: Date.now() + 60_000 }, 10)).toBe(1);
        expect(await seen('bob')).toEqual({ progress: 'kept', log: ['kept'] });
        expect(await sql.query(`SELECT line FROM sitq_log`)).toEqual([{ line: 'kept' }]);
      });
    });
  }
});
