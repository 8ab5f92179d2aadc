import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeOf } from './runtime.mjs';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
/** Longer than anything takes that comes to an end. */
const LONGEST = 900_000;

/** What a process of its own says of its part, see child.mjs. */
export async function runChild(role, args, signal) {
  const child = spawn(nodeOf(args.row), [CHILD, JSON.stringify({ role, ...args })], {
    env: { ...process.env, NO_LOG_SUCCESS: '1', NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    timeout: LONGEST,
    killSignal: 'SIGKILL',
  });
  const text = { stdout: '', stderr: '' };
  for (const name of Object.keys(text)) {
    child[name].setEncoding('utf8').on('data', (part) => (text[name] += part));
  }
  const [code, killedBy] = await once(child, 'close');
  if (code !== 0) throw new Error(reason(text.stderr) ?? `it ended by ${killedBy ?? code}`);
  return JSON.parse(text.stdout.trimEnd().split('\n').at(-1));
}

/** The line that says what went wrong. */
function reason(text) {
  return text.split('\n').find((line) => /^(\w*Error|error)\b.*:/.test(line));
}
