import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm start -- [--once] [--out DIR] [--flags N]
  --once      exit after the contact sheet instead of serving HTTP
  --out DIR   folder of the pictures and of the tasks [sample/01-thumbnails/out]
  --flags N   only the first N flags [all]
The environment variable PORT chooses the port [3000].`;

/** Where this sample lives: the same path from its sources and from build/. */
export const HOME = fileURLToPath(new URL('../../sample/01-thumbnails', import.meta.url));

function readSettings() {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      out: { type: 'string', default: join(HOME, 'out') },
      flags: { type: 'string', default: 'all' },
      help: { type: 'boolean', default: false },
    },
  });
  const flags = values.flags === 'all' ? Infinity : Number(values.flags);
  if (!(flags >= 1)) throw new Error(`--flags is ${values.flags}. Give a number from 1.`);
  return { ...values, flags, out: resolve(values.out) };
}

function readSettingsOrExit() {
  try {
    const settings = readSettings();
    if (!settings.help) return settings;
    console.log(USAGE);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exitCode = 2;
  }
  process.exit();
}

export const settings = readSettingsOrExit();
