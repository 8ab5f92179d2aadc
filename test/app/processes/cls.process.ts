import 'reflect-metadata';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClsPluginTransactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { ClsModule } from 'nestjs-cls';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { SitqModule, TaskQueue, type Transactions } from '../../../lib/index.js';
import type { StoreOptions } from '../stores.js';
import { answer, tell } from './parent.js';
import { customers, Mails, SignUps } from './sign-ups.js';
import { Tenants } from './tenants.js';

/** How the application is to be. */
interface Boot {
  readonly tasks: StoreOptions;
  /** Where the rows of the application are. */
  readonly rows: StoreOptions;
  readonly transactions?: Transactions;
  readonly withoutHost?: boolean;
}

let app: INestApplicationContext;

/** An application with the transaction host of `@nestjs-cls/transactional`. */
async function boot({ tasks, rows, transactions, withoutHost }: Boot): Promise<void> {
  const reach = 'database' in rows ? { type: 'better-sqlite3', ...rows } : rows;
  const options = { ...reach, entities: [customers], synchronize: true } as DataSourceOptions;
  const adapter = new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() });
  const plugin = new ClsPluginTransactional({ imports: [TypeOrmModule], adapter });
  @Module({
    imports: [
      TypeOrmModule.forRoot(options),
      ...(withoutHost ? [] : [ClsModule.forRoot({ plugins: [plugin] })]),
      SitqModule.forRoot({ ...tasks, transactions }),
    ],
    providers: [Mails, ...(withoutHost ? [] : [SignUps, Tenants])],
  })
  class AppModule {}
  app = await NestFactory.createApplicationContext(AppModule, {
    logger: false,
    abortOnError: false,
  });
}

answer({
  boot,
  /** Calls a method of the services. Resolves to the name of what it threw. */
  call: async ([method, ...args]: [keyof SignUps, ...string[]]) => {
    const service = app.get(SignUps) as unknown as Record<string, (...a: string[]) => unknown>;
    try {
      await service[method]!(...args);
      return null;
    } catch (error) {
      return (error as Error).constructor.name;
    }
  },
  rows: async () => {
    const found = await app.get(DataSource).getRepository(customers).find();
    return found.map(({ name }) => name);
  },
  /** What tasks of so many tenants have seen of others. */
  tenants: (count: number) => app.get(Tenants).serve(count),
  isTask: async (id: string) => (await app.get(TaskQueue).getTask(id)) !== null,
  result: (id: string) => app.get(TaskQueue).handle(id).result({ timeout: '10s' }),
});
setInterval(() => undefined, 60_000); // to be ended by its parent
tell({ event: 'ready' });
