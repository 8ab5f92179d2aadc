import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { serverUser } from './guarded-process.js';
import { OwnServer } from './own-server.js';

/** Where a MariaDB is installed; none when this machine has none. */
export function findMariadb(): { server: string; installer: string } | undefined {
  const server = findProgram('mariadbd');
  const installer = findProgram('mariadb-install-db');
  return server && installer ? { server, installer } : undefined;
}

/** Starts a MariaDB of this machine's installation; it takes about two seconds. */
export async function startMariadb(): Promise<OwnServer> {
  const found = findMariadb();
  if (!found) throw new Error('mariadbd is not on this machine');
  const data = (folder: string) => `--datadir=${join(folder, 'data')}`;
  return OwnServer.start({
    kind: 'mariadb',
    user: serverUser('mysql'),
    login: 'root',
    initialise: (folder) => [
      found.installer,
      '--no-defaults',
      data(folder),
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    run: (folder, port) => [
      found.server,
      '--no-defaults',
      data(folder),
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'socket')}`,
      `--pid-file=${join(folder, 'pid')}`,
      '--innodb-flush-log-at-trx-commit=2', // it outlives its own death; nobody cuts the power
      '--innodb-fast-shutdown=1',
    ],
    stop: 'SIGTERM',
    crash: 'SIGKILL',
  });
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
