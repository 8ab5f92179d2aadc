import { Injectable, type DynamicModule, type OnModuleDestroy } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import {
  ConfigurationError,
  SitqModule,
  Task,
  TaskContext,
  TaskQueue,
  TypeOrmBackend,
  type SitqOptions,
  type SitqRootOptions,
} from 'nestjs-sitq';
import { DataSource } from 'typeorm';
import type { ServerKind } from './app/databases/kinds.js';
import { Gate } from './app/gate.js';
import { Order, typeOrmOptions } from './app/shop.js';
import { startModule } from './app/start-app.js';
import { stores, type Store } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const patience = { timeout: '50s' } as const;

@Injectable()
class Sums {
  @Task()
  add(a: number, b: number): number {
    return a + b;
  }
}

describe.each(stores())('on %s', (kind) => {
  let store: Store;
  beforeEach(async () => void (store = await tempStore(kind)));

  const typeOrm = (name?: string) =>
    TypeOrmModule.forRoot({ ...typeOrmOptions(store.options), name });

  const givenDirectly = async (): Promise<[DynamicModule, () => Promise<void>]> => {
    const dataSource = await new DataSource(typeOrmOptions(store.options)).initialize();
    return [SitqModule.forRoot({ dataSource }), () => dataSource.destroy()];
  };
  const injected = (name: string): DynamicModule =>
    SitqModule.forRootAsync({
      inject: [getDataSourceToken(name)],
      useFactory: (dataSource: DataSource) => ({ dataSource }),
    });

  test.each<[how: string, name: string | undefined, sitq: () => DynamicModule]>([
    [`the name 'default'`, undefined, () => SitqModule.forRoot({ dataSource: 'default' })],
    [`another name`, 'shop', () => SitqModule.forRoot({ dataSource: 'shop' })],
    ['a factory that injects it', undefined, () => injected('default')],
    ['a factory that injects one by name', 'shop', () => injected('shop')],
  ])('a DataSource of the application is given by %s', async (_, name, sitq) => {
    for (const imports of [
      [typeOrm(name), sitq()],
      [sitq(), typeOrm(name)],
    ]) {
      const app = await startModule({ imports, providers: [Sums] });
      const dataSource = app.module.get<DataSource>(getDataSourceToken(name));
      const [{ count }] = await dataSource.query('SELECT count(*) AS count FROM sitq_task');
      const handle = await dataSource.transaction((manager) =>
        app.queue.for(Sums, { manager }).add(1, 2),
      );
      expect(await handle.result(patience)).toBe(3);
      const [{ count: after }] = await dataSource.query('SELECT count(*) AS count FROM sitq_task');
      expect(Number(after)).toBe(Number(count) + 1);
      await app.close();
    }
  });

  test('or as it is', async () => {
    const [sitq, close] = await givenDirectly();
    const { queue } = await startModule({ imports: [sitq], providers: [Sums] });
    expect(await (await queue.for(Sums).add(1, 2)).result(patience)).toBe(3);
    await close(); // sitq has connections of its own
    expect(await (await queue.for(Sums).add(3, 4)).result(patience)).toBe(7);
  });

  if (kind !== 'sqlite') {
    test('one with replicas keeps its tasks where it writes', async () => {
      const [elsewhere, nowhere] = [await tempStore(kind), await tempStore(kind)];
      const { type, url } = store.options as { type: ServerKind; url: string };
      const urlOf = ({ options }: Store) => (options as { url: string }).url;
      const replication = { master: { url }, slaves: [{ url: urlOf(elsewhere) }] };
      const dataSource = new DataSource({ type, url: urlOf(nowhere), replication });
      const { queue } = await startModule({
        imports: [SitqModule.forRoot({ dataSource })],
        providers: [Sums],
      });
      expect(await (await queue.for(Sums).add(1, 2)).result(patience)).toBe(3);
      const sql = await store.sql();
      expect(await sql.query('SELECT name FROM sitq_task')).toEqual([{ name: 'Sums.add' }]);
      await sql.close();
    });
  }

  test('options beside the name hold', async () => {
    const options = { dataSource: 'default', tablePrefix: 'shop_', worker: false } as const;
    const imports = [SitqModule.forRoot(options), typeOrm()];
    const { queue, module, worker } = await startModule({ imports, providers: [Sums] });
    await queue.for(Sums).add(1, 2);
    expect(worker.stats()).toBeNull();
    const rows = await module.get(DataSource).query('SELECT name FROM shop_task');
    expect(rows).toEqual([{ name: 'Sums.add' }]);
  });

  /**
   * TypeORM closes its DataSource in the last phase of the shutdown. Handlers that still run need
   * it until they have ended, and tasks are enqueued to the end, whichever module comes first.
   */
  test.each(['before', 'after'])('a shutdown with TypeOrmModule imported %s', async (when) => {
    const started = new Gate();
    const gate = new Gate();

    @Injectable()
    class Charges implements OnModuleDestroy {
      constructor(
        private readonly run: TaskContext,
        private readonly queue: TaskQueue,
        private readonly dataSource: DataSource,
      ) {}

      @Task()
      async charge(id: string): Promise<void> {
        started.open();
        await gate.opened;
        await this.dataSource.transaction(async (manager) => {
          await manager.insert(Order, { id });
          await this.queue.for(Charges, { id: `${id}-mail`, manager }).mail();
          await this.run.complete(manager);
        });
      }

      @Task()
      mail(): void {}

      async onModuleDestroy(): Promise<void> {
        await this.queue.for(Charges, { id: 'late' }).mail();
      }
    }
    const both = [typeOrm(), SitqModule.forRoot({ dataSource: 'default' })];
    const imports = when === 'before' ? both : both.toReversed();
    const app = await startModule({ imports, providers: [Charges] });
    await app.queue.for(Charges, { id: 'charge' }).charge('ann');
    await started.opened;
    const closing = app.close();
    gate.open();
    await closing;

    const later = new TypeOrmBackend(store.options);
    await later.open();
    expect(await later.getTask('charge')).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await later.getTask('ann-mail')).not.toBeNull();
    expect(await later.getTask('late')).not.toBeNull();
    await later.close();
    const sql = await store.sql();
    expect(await sql.query('SELECT id FROM orders')).toEqual([{ id: 'ann' }]);
    await sql.close();
    expect(app.lines.all.filter((line) => /^(error|warn)/.test(line))).toEqual([]);
  });
});

describe('a name', () => {
  const refusal = async (sitq: DynamicModule) =>
    startModule({ imports: [sitq] }).then(
      () => undefined,
      (error: unknown) => error as ConfigurationError,
    );

  test.each([
    ['default', 'Import TypeOrmModule.forRoot(),'],
    ['shop', `Import TypeOrmModule.forRoot({ name: 'shop' }),`],
  ])('%p must be one of the application', async (dataSource, remedy) => {
    const error = await refusal(SitqModule.forRoot({ dataSource }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option: 'dataSource', value: dataSource });
    expect(error?.message).toContain(`dataSource is '${dataSource}', but the application has no`);
    expect(error?.message).toContain(remedy);
  });

  test('is nothing for a factory, which can inject', async () => {
    const options: SitqRootOptions = { dataSource: 'shop' };
    const useFactory = () => options as SitqOptions;
    const error = await refusal(SitqModule.forRootAsync({ useFactory }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option: 'dataSource', value: 'shop' });
    expect(error?.message).toContain(`inject: [getDataSourceToken('shop')]`);
  });

  test('is text', async () => {
    const error = await refusal(SitqModule.forRoot({ dataSource: 5 as never }));
    expect(error?.message).toMatch(/dataSource is 5. Give a DataSource of TypeORM/);
  });
});
