import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { until } from '../app/processes/scene.js';

/** What SQLite writes its files with, and nothing else here does. */
const CALLS = 'pwrite64,fsync,fdatasync';

/** Lets system calls of other processes fail with EIO: all that write or sync a database file. */
export class FailingCalls {
  private constructor(private readonly strace: ReturnType<typeof spawn>) {}

  /** Why there can be none here, if so. */
  static missing(): string | undefined {
    const { status } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']);
    return status === 0 ? undefined : 'it needs strace, and the right to trace processes';
  }

  /** Resolves when the first call of each process, and then each `nth` one, fails. */
  static async of(pids: readonly number[], nth: number): Promise<FailingCalls> {
    const strace = spawn(
      'strace',
      [
        '-f',
        '-qq',
        '--output=/dev/null',
        `--trace=${CALLS}`,
        `--inject=${CALLS}:error=EIO:when=1+${nth}`,
        ...pids.flatMap((pid) => ['-p', String(pid)]),
      ],
      { stdio: 'ignore' },
    );
    await until(() => pids.every(isTraced));
    return new FailingCalls(strace);
  }

  /** From then on they do what they did before. */
  async end(): Promise<void> {
    this.strace.kill('SIGINT');
    await once(this.strace, 'exit');
  }
}

function isTraced(pid: number): boolean {
  return !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}
