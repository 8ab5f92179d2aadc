import type { DataSourceOptions } from 'typeorm';

/** What each server of a DataSource with replicas has for itself. */
const CREDENTIALS = {
  url: undefined,
  host: undefined,
  port: undefined,
  username: undefined,
  password: undefined,
  database: undefined,
  socketPath: undefined,
};

/**
 * How the server is reached that takes the writes of a DataSource with replicas. As in TypeORM,
 * what stands beside `replication` is then not used, except for `ssl` on MySQL. Nothing where there
 * are no replicas.
 */
export function masterOf(options: DataSourceOptions): Readonly<Record<string, unknown>> {
  if (!('replication' in options) || !options.replication) return {};
  const { master } = options.replication as { master: object };
  if (options.type === 'postgres') return { ...CREDENTIALS, ssl: undefined, ...master };
  return { ...CREDENTIALS, ...master, ssl: (options as { ssl?: unknown }).ssl };
}
