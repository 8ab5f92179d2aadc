import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { serverUser } from './guarded-process.js';
import { OwnServer, type Home, type ServerRecipe } from './own-server.js';

/** Where a MariaDB is installed; none when this machine has none. */
export function findMariadb(): { server: string; installer: string } | undefined {
  const server = findProgram('mariadbd');
  const installer = findProgram('mariadb-install-db');
  return server && installer ? { server, installer } : undefined;
}

/** Starts a MariaDB of this machine's installation; it takes about two seconds. */
export async function startMariadb(home: Home = {}): Promise<OwnServer> {
  const found = findMariadb();
  if (!found) throw new Error('mariadbd is not on this machine');
  const data = (folder: string) => `--datadir=${join(folder, 'data')}`;
  // Without a disk of its own it outlives its own death only, and nobody cuts the power.
  const flush = home.disk === undefined ? 2 : 1;
  const recipe: ServerRecipe = {
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
      `--innodb-flush-log-at-trx-commit=${flush}`,
      '--innodb-fast-shutdown=1',
    ],
    stop: 'SIGTERM',
    crash: 'SIGKILL',
  };
  return OwnServer.start(recipe, home);
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
