import { Injectable, Module } from '@nestjs/common';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import {
  Backend,
  SitqModule,
  Task,
  TaskContext,
  TaskQueue,
  TypeOrmBackend,
  WorkerHost,
} from 'nestjs-sitq';
import { readdirSync, readlinkSync } from 'node:fs';
import { eventually } from './app/eventually.js';
import { Lines } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

@Injectable()
class Mail {
  constructor(private readonly queue: TaskQueue) {}

  @Task()
  send(): void {}

  ask(): unknown {
    return this.queue.enqueue('Mail.send', []);
  }
}

/** As libraries make them: whatever is asked for is a function that returns such a thing again. */
function autoMock(): object {
  const mock: object = new Proxy(() => undefined, {
    get: (_, name) => (typeof name === 'symbol' || name === 'then' ? undefined : autoMock()),
    apply: () => autoMock(),
  });
  return mock;
}

type Override = (
  builder: TestingModuleBuilder,
  sitq: ReturnType<typeof SitqModule.forRoot>,
) => unknown;

@Module({})
class Instead {}

/** What people put in the place of ours in the tests of their applications. */
const OVERRIDES: Readonly<Record<string, Override>> = {
  nothing: () => undefined,
  'TaskQueue by an empty object': (builder) => builder.overrideProvider(TaskQueue).useValue({}),
  'TaskQueue by a function': (builder) =>
    builder.overrideProvider(TaskQueue).useValue({ enqueue: async () => ({ id: 'mocked' }) }),
  'TaskQueue by a mock of everything': (builder) =>
    builder.overrideProvider(TaskQueue).useValue(autoMock()),
  'TaskQueue whose close never ends': (builder) =>
    builder.overrideProvider(TaskQueue).useValue({ close: () => new Promise(() => undefined) }),
  'Backend by an empty object': (builder) => builder.overrideProvider(Backend).useValue({}),
  'Backend by a mock of everything': (builder) =>
    builder.overrideProvider(Backend).useValue(autoMock()),
  'TaskQueue and Backend': (builder) => {
    builder.overrideProvider(TaskQueue).useValue({}).overrideProvider(Backend).useValue({});
  },
  'WorkerHost by an empty object': (builder) => builder.overrideProvider(WorkerHost).useValue({}),
  'TaskContext by one of a test': (builder) =>
    builder.overrideProvider(TaskContext).useValue(new TaskContext()),
  'a handler': (builder) => builder.overrideProvider(Mail).useValue({}),
  'SitqModule, and TaskQueue by a mocker': (builder, sitq) => {
    builder.overrideModule(sitq).useModule(Instead);
    builder.useMocker(() => autoMock());
  },
};

/** How many files or connections of a store somebody has open. */
async function openOn(store: Store): Promise<number> {
  const { kind, options } = store;
  if (kind === 'sqlite') return filesOf((options as { database: string }).database).length;
  const sql = await store.sql();
  const [row] = await sql.query<{ count: number | string }>(
    kind === 'postgres' ? POSTGRES_CONNECTIONS : MYSQL_CONNECTIONS,
  );
  await sql.close();
  return Number(row!.count);
}

const POSTGRES_CONNECTIONS = `SELECT count(*) AS count FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()`;
const MYSQL_CONNECTIONS = `SELECT count(*) AS count FROM information_schema.processlist
  WHERE db = database() AND id <> connection_id()`;

function filesOf(database: string): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(database);
    } catch {
      return false; // that of the listing itself
    }
  });
}

async function build(store: Store, override: Override): Promise<TestingModule> {
  const sitq = SitqModule.forRoot(store.options);
  const builder = Test.createTestingModule({ imports: [sitq], providers: [Mail] });
  override(builder, sitq);
  return builder.setLogger(new Lines()).compile();
}

/** On servers those that differ in what is opened. */
const ON_SERVERS = ['nothing', 'TaskQueue by an empty object', 'TaskQueue and Backend'];

describe.each(stores())('on %s, a test that closes its application leaves nothing open', (kind) => {
  const names = kind === 'sqlite' ? Object.keys(OVERRIDES) : ON_SERVERS;

  test.each(names)('when it overrides %s', async (name) => {
    const store = await tempStore(kind);
    const module = await build(store, OVERRIDES[name]!);
    await module.init();
    expect((await openOn(store)) > 0).toBe(!/Backend|Module/.test(name));
    await module.close();
    await eventually(async () => (await openOn(store)) === 0);
  });
});

test('a backend of its own runs tasks, and is closed', async () => {
  const backend = new TypeOrmBackend({ database: ':memory:' });
  await backend.open();
  const module = await build(await tempStore(), (builder) =>
    builder.overrideProvider(Backend).useValue(backend),
  );
  await module.init();
  const task = await module.get(TaskQueue).for(Mail).send();
  expect(await task.result({ timeout: '10s' })).toBeUndefined();
  await module.close();
  await expect(backend.counts()).rejects.toThrow('closed');
});
