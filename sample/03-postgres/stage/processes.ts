import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * Programs of this sample, each in a process that does not outlive this one: it ends when the line
 * between us breaks. Ctrl-C at the terminal reaches only this process.
 */
export class Processes {
  private readonly running = new Set<ChildProcess>();

  constructor(
    private readonly signal: AbortSignal,
    private readonly onLine: (line: string) => void,
  ) {}

  /** Resolves to what the program tells when it is ready. */
  async start(
    program: string,
    { args = [], env = {} }: { args?: string[]; env?: NodeJS.ProcessEnv } = {},
  ): Promise<string> {
    this.signal.throwIfAborted();
    const child = fork(fileURLToPath(new URL(`../${program}.js`, import.meta.url)), args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.running.add(child);
    for (const input of [child.stdout!, child.stderr!]) {
      createInterface({ input }).on('line', this.onLine);
    }
    const ended = once(child, 'exit').then(([code, signal]) => {
      this.running.delete(child);
      throw new Error(`${program}.js ended with ${signal ?? code}.`);
    });
    ended.catch(() => undefined);
    const { signal } = this;
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message as string;
  }

  async stop(): Promise<void> {
    const ends = [...this.running].map((child) => {
      const end = once(child, 'exit');
      if (child.connected) child.disconnect();
      return end;
    });
    await Promise.all(ends);
  }
}
