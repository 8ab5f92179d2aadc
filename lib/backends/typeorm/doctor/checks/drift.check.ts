import { TableIndex, type EntityMetadata } from 'typeorm';
import type { Check } from '../check.js';
import type { IndexShape } from '../inspection.js';
import type { Patient } from '../patient.js';

/** Whether somebody changed the tables by hand. */
export const driftCheck: Check = {
  name: 'tables',
  after: 'migrations',
  run: async (patient) => {
    const { upQueries } = await patient.dataSource.driver.createSchemaBuilder().log();
    const queries = [...upQueries.map(({ query }) => query), ...(await mendIndexes(patient))];
    if (queries.length === 0) return { state: 'well', text: 'as the entities describe them' };
    const lines = queries.map((query) => `${query.trim()};`);
    return {
      state: 'fault',
      text: 'differ from the entities',
      remedy: 'These statements would mend it; read them before you run them.',
      lines,
      data: { statements: lines },
    };
  },
};

/**
 * TypeORM compares which columns an index has, but neither their order nor which rows it is about,
 * and claims need both.
 */
async function mendIndexes({ dataSource, inspection }: Patient): Promise<string[]> {
  const found = new Map((await inspection.indexes()).map((index) => [index.name, index]));
  const runner = dataSource.createQueryRunner();
  try {
    runner.enableSqlMemory();
    for (const { tablePath, indices } of dataSource.entityMetadatas) {
      for (const index of indices) {
        const shape = found.get(index.name);
        if (!shape || isSame(index, shape)) continue; // TypeORM has told that it is missing
        await runner.dropIndex(tablePath, index.name);
        await runner.createIndex(tablePath, TableIndex.create(index));
      }
    }
    return runner.getMemorySql().upQueries.map(({ query }) => query);
  } finally {
    runner.disableSqlMemory();
    await runner.release();
  }
}

function isSame(wanted: EntityMetadata['indices'][number], { columns, where }: IndexShape) {
  const names = wanted.columns.map((column) => column.databaseName);
  return (
    names.length === columns.length &&
    names.every((name, i) => name === columns[i]) &&
    (wanted.where ?? null) === where
  );
}
