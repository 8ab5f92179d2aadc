import type { DataSource, EntityManager } from 'typeorm';

/** The DataSource of an EntityManager, which TypeORM 0.3 has as its `connection`. */
export function dataSourceOf(manager: EntityManager): DataSource {
  const { connection, dataSource = connection! } = manager as {
    readonly dataSource?: DataSource;
    readonly connection?: DataSource;
  };
  return dataSource;
}
