import type { DynamicModule, Provider } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule, type SitqRootOptions } from 'nestjs-sitq';
import { Column, DataSource, Entity, PrimaryColumn, type DataSourceOptions } from 'typeorm';
import { startModule, type TestApp } from './start-app.js';
import type { StoreOptions } from './stores.js';

/** A row of the application, in the database of the tasks. */
@Entity('orders')
export class Order {
  @PrimaryColumn('varchar', { length: 100 })
  id!: string;

  @Column('varchar', { length: 100, default: '' })
  by!: string;
}

/** How the application itself reaches a store; it has a table there. */
export function typeOrmOptions(store: StoreOptions): DataSourceOptions {
  const reach = 'database' in store ? { type: 'better-sqlite3' as const, ...store } : store;
  return { ...reach, entities: [Order], synchronize: true } as DataSourceOptions;
}

/** An application with a database of its own, in which the tasks are too. */
export interface Shop extends TestApp {
  readonly dataSource: DataSource;
}

/**
 * Starts such an application. Its worker finds nothing by polling, so that what it picks up it
 * was woken for.
 */
export async function startShop(
  store: { readonly options: StoreOptions },
  handlers: Provider[],
  options: Partial<SitqRootOptions> = {},
  imports: DynamicModule[] = [],
): Promise<Shop> {
  const { worker } = options;
  const app = await startModule({
    imports: [
      TypeOrmModule.forRoot(typeOrmOptions(store.options)),
      SitqModule.forRoot({
        dataSource: 'default',
        ...options,
        worker: worker === false ? false : { pollInterval: '1m', shutdownTimeout: '1s', ...worker },
      } as SitqRootOptions),
      ...imports,
    ],
    providers: handlers,
  });
  return Object.assign(app, { dataSource: app.module.get(DataSource) });
}
