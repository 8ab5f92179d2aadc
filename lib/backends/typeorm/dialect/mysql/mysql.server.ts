import type { DataSource } from 'typeorm';
import { ConfigurationError } from '../../../../errors/configuration.error.js';

/** What sitq has to know of a server. */
export interface MysqlServer {
  /** The largest statement, in bytes. */
  readonly packet: number;
}

/**
 * Looks whether the server will do.
 *
 * @throws ConfigurationError when it is too old, or would refuse every write.
 */
export async function inspectServer(dataSource: DataSource, place: string): Promise<MysqlServer> {
  // SHOW, since a variable that a server does not have is no error there.
  const rows = await dataSource.query<{ Variable_name: string; Value: string }[]>(
    `SHOW VARIABLES WHERE Variable_name IN
       ('version', 'max_allowed_packet', 'log_bin', 'binlog_format')`,
  );
  const variables = new Map(rows.map(({ Variable_name: name, Value: value }) => [name, value]));
  checkVersion(variables.get('version') ?? '', place);
  if (variables.get('log_bin') === 'ON' && variables.get('binlog_format') === 'STATEMENT') {
    throw new ConfigurationError(
      `The server ${place} has binlog_format=STATEMENT, which does not go with the isolation ` +
        `level READ COMMITTED that sitq needs. Set binlog_format=ROW (or MIXED) on the server.`,
      'type',
      'STATEMENT',
    );
  }
  return { packet: Number(variables.get('max_allowed_packet') ?? 4 * 1024 * 1024) };
}

function checkVersion(version: string, place: string): void {
  const [name, oldest] = /mariadb/i.test(version)
    ? (['MariaDB', [10, 6, 0]] as const)
    : (['MySQL', [8, 0, 19]] as const);
  // Behind a proxy a MariaDB may call itself 5.5.5-10.11.6-MariaDB.
  const [, found = ''] = /^(?:5\.5\.5-)?(\d+\.\d+\.\d+)/.exec(version) ?? [];
  const [major = 0, minor = 0, patch = 0] = found.split('.').map(Number);
  const [a, b, c] = oldest;
  if ((major - a || minor - b || patch - c) >= 0) return;
  throw new ConfigurationError(
    `The server ${place} is ${name} ${found || version}. sitq needs MySQL 8.0.19 or newer, or ` +
      `MariaDB 10.6 or newer.`,
    'type',
    version,
  );
}
