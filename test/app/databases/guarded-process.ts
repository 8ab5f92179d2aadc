import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Whom a server runs as; nobody in particular unless this process is root. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

/** Database servers refuse to run as root: the first of these users that the machine has. */
export function serverUser(...names: string[]): ServerUser {
  if (process.getuid?.() !== 0) return {};
  for (const name of [...names, 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name]));
    if (uid?.status === 0 && gid?.status === 0) {
      return { uid: Number(uid.stdout.toString()), gid: Number(gid.stdout.toString()) };
    }
  }
  throw new Error(`None of the users ${[...names, 'nobody'].join(', ')} is on this machine.`);
}

/**
 * Starts the server, tells its process id, and ends it by `$1` when the pipe to our owner breaks,
 * however the owner ended.
 */
const GUARD = `
signal=$1 log=$2
shift 2
exec 3<&0
"$@" 3<&- >>"$log" 2>&1 &
server=$!
(read -r _ <&3; kill -s "$signal" $server) >/dev/null 2>&1 &
guard=$!
echo $server
wait $server
code=$?
kill $guard 2>/dev/null
exit $code
`;

/** A server process that does not outlive this one, not even when this one is killed. */
export class GuardedProcess {
  static async start(
    command: readonly string[],
    {
      user,
      log,
      signal,
      env,
    }: {
      user: ServerUser;
      log: string;
      signal: 'QUIT' | 'KILL';
      env?: Readonly<Record<string, string>>;
    },
  ): Promise<GuardedProcess> {
    const guard = spawn('sh', ['-c', GUARD, 'sh', signal, log, ...command], {
      ...user,
      cwd: '/', // which every user may enter
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const exit = once(guard, 'exit').then(() => undefined);
    const [pid] = await Promise.race([
      once(guard.stdout, 'data') as Promise<[Buffer]>,
      exit.then(() => {
        throw new Error(`${command[0]} did not start.`);
      }),
    ]);
    return new GuardedProcess(guard, Number(String(pid)), exit);
  }

  private constructor(
    private readonly guard: ChildProcess,
    readonly pid: number,
    /** Resolves when the server has ended. */
    readonly exit: Promise<void>,
  ) {}

  get alive(): boolean {
    return this.guard.exitCode === null && this.guard.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.alive) process.kill(this.pid, signal);
  }
}
