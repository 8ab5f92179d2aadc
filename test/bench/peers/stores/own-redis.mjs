import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.mjs';

const PROGRAM = 'redis-server';
const HOST = '127.0.0.1';

/** Redis servers of our own, each with a folder and settings of its own. */
export class OwnRedis {
  prepared = new Set();
  running = new Set();
  servers = 0;

  /** Null where Redis is not installed. */
  static find(folder) {
    const { status, stdout } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' });
    if (status !== 0) return null;
    const [, version] = /v=(\S+)/.exec(stdout);
    return new OwnRedis(folder, version);
  }

  constructor(folder, version) {
    this.folder = folder;
    this.version = version;
  }

  accepts() {
    return true;
  }

  /** A server with what `prepare` has put into one; later ones load it from a snapshot. */
  async fresh(name, options, prepare) {
    const snapshot = join(this.folder, `${name}.rdb`);
    if (!this.prepared.has(name)) {
      const server = await this.start();
      await prepare(server.store);
      await server.client.save();
      mkdirSync(this.folder, { recursive: true });
      copyFileSync(join(server.folder, 'dump.rdb'), snapshot);
      await server.drop();
      this.prepared.add(name);
    }
    const server = await this.start(snapshot);
    if (options.appendonly === 'yes') await appendFrom(server.client);
    return server;
  }

  /** Started without a log even if it is to have one: it would not load the snapshot otherwise. */
  async start(snapshot) {
    const folder = join(this.folder, `server-${(this.servers += 1)}`);
    mkdirSync(folder, { recursive: true });
    if (snapshot) copyFileSync(snapshot, join(folder, 'dump.rdb'));
    const port = await freePort();
    const settings = { bind: HOST, port, dir: folder, appendonly: 'no', appendfsync: 'everysec' };
    const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const server = spawn(PROGRAM, [...args, '--save', ''], { stdio: 'ignore' });
    const exit = once(server, 'exit');
    const client = new Redis({ host: HOST, port, maxRetriesPerRequest: null });
    client.on('error', () => undefined); // until it answers
    await client.ping();
    const drop = async () => {
      this.running.delete(drop);
      client.disconnect();
      server.kill();
      await exit;
      rmSync(folder, { recursive: true });
    };
    this.running.add(drop);
    return { store: { kind: 'redis', connection: { host: HOST, port } }, client, folder, drop };
  }

  /** Ends those that a failed measurement has left. */
  async close() {
    await Promise.all([...this.running].map((drop) => drop()));
  }
}

/** Switches the log on, and waits until it has what is there. */
async function appendFrom(client) {
  await client.config('SET', 'appendonly', 'yes');
  for (;;) {
    const state = await client.info('persistence');
    if (state.includes('aof_rewrite_in_progress:0') && !state.includes('scheduled:1')) return;
    await sleep(20);
  }
}
