import Database from 'better-sqlite3';
import { machine, packageVersions } from './machine.mjs';
import { nodeOf, versionOf } from './runtime.mjs';

/** What is written and reported: the figures, and everything that one has to know about them. */
export async function describeResults({ benchmark, stores, rows, workloads, ...rest }) {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    versions: { ...databaseVersions(stores), ...packageVersions() },
    ...rest,
    workloads: workloads.map(({ id, title, count, queued }) => ({ id, title, count, queued })),
    rows: await Promise.all(
      rows.map(async (row) => ({
        id: row.id,
        title: row.title,
        label: row.label,
        group: row.group,
        limitOf: row.limitOf,
        store: row.store,
        durability: row.durability ?? (await stores[row.store].durability()),
        settings: row.settings,
        cannot: row.cannot,
        setting: row.group === 'limit' ? undefined : benchmark.settings[row.id],
        node: versionOf(nodeOf(row)),
      })),
    ),
    figures: benchmark.figures,
    failures: benchmark.failures,
  };
}

function databaseVersions(stores) {
  const sqlite = new Database(':memory:').prepare('SELECT sqlite_version()').pluck().get();
  return {
    SQLite: sqlite,
    PostgreSQL: stores.postgres?.version,
    Redis: stores.redis?.version,
  };
}
