import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { urlWith } from './databases.js';
import { freePort } from './free-port.js';
import { GuardedProcess, serverUser } from './guarded-process.js';
import { connect } from './sql.js';

const LONGEST_START = 10_000;

/** Where pgbouncer is installed; undefined when this machine has none. */
export function findPgbouncer(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path));
}

/** A pgbouncer before the PostgreSQL of a URL. */
export class Pgbouncer {
  static async start(target: string, mode: 'transaction' | 'session'): Promise<Pgbouncer> {
    const program = findPgbouncer();
    if (!program) throw new Error('pgbouncer is not on this machine');
    const folder = mkdtempSync(join(tmpdir(), 'sitq-pgbouncer-'));
    chmodSync(folder, 0o755);
    const port = await freePort();
    const [config, log] = [join(folder, 'pgbouncer.ini'), join(folder, 'log')];
    writeFileSync(config, configFor(target, port, mode));
    writeFileSync(log, '', { mode: 0o666 });
    chmodSync(log, 0o666);
    const user = serverUser('postgres');
    const child = await GuardedProcess.start([program, config], { user, log, signal: 'KILL' });
    const pgbouncer = new Pgbouncer(urlWith(target, { port }), folder, child);
    await pgbouncer.answers(log);
    return pgbouncer;
  }

  private constructor(
    /** The URL of the target, through this pooler. */
    readonly url: string,
    private readonly folder: string,
    private readonly child: GuardedProcess,
  ) {}

  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.child.exit;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async answers(log: string): Promise<void> {
    const giveUpAt = Date.now() + LONGEST_START;
    for (;;) {
      try {
        return await (await connect('postgres', this.url)).close();
      } catch (error) {
        if (!this.child.alive || Date.now() > giveUpAt) {
          throw new Error(`pgbouncer did not start:\n${readFileSync(log, 'utf8')}`, {
            cause: error,
          });
        }
        await sleep(20);
      }
    }
  }
}

/** So few sessions that clients take turns with them. */
function configFor(target: string, port: number, mode: string): string {
  const { hostname, port: serverPort, username, password } = new URL(target);
  const login = [`user=${username}`, password && `password=${password}`].filter(Boolean).join(' ');
  return `[databases]
* = host=${hostname} port=${serverPort} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${mode === 'transaction' ? 3 : 50}
`;
}
