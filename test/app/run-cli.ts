import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runCli as run } from '../../lib/cli/run-cli.js';
import { Terminal } from '../../lib/cli/terminal.js';

/** Where `test/global-setup.mjs` puts the compiled command. */
const MAIN = fileURLToPath(new URL('../../build/test/lib/cli/main.js', import.meta.url));

/** How a command went. */
export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `sitq` in this process, one command at a time. */
export async function runCli(args: readonly string[], url?: string): Promise<CliRun> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const printed = Promise.all([text(out), text(err)]);
  const terminal = new Terminal(out, err);
  if (url !== undefined) process.env.SITQ_URL = url;
  await run(args, terminal);
  delete process.env.SITQ_URL;
  out.end();
  err.end();
  const [outText, errText] = await printed;
  return { code: terminal.exitCode, out: outText, err: errText };
}

/**
 * Runs `sitq` as a process of its own.
 *
 * @param meanwhile what is done to the process.
 */
export async function spawnCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  meanwhile?: (process: ChildProcess) => unknown,
): Promise<CliRun> {
  const child = spawn(process.execPath, ['--no-warnings', MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  void meanwhile?.(child);
  const [code] = (await once(child, 'close')) as [number];
  const [out, err] = await printed;
  return { code, out, err };
}
