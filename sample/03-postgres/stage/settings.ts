import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = `Usage: npm run sample:postgres -- [--once] [--orders N] [--workers N] [--data DIR]
  --once       exit when every order has its invoice: with 0 if the workers shared them fairly
  --orders N   how many orders, with --once [2000]; otherwise how many a second [50]
  --workers N  how many worker processes [2]
  --data DIR   keep the embedded database in this folder [a temporary one that is removed]
The environment variable DATABASE_URL names a PostgreSQL to use instead of an embedded one,
PORT the port [a free one].`;

function readSettings() {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      orders: { type: 'string' },
      workers: { type: 'string', default: '2' },
      data: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { once, help, orders = once ? '2000' : '50', workers } = values;
  return {
    once,
    help,
    orders: count('orders', orders),
    workers: count('workers', workers),
    data: values.data && resolve(values.data),
  };
}

function count(option: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  throw new Error(`--${option} is ${text}. Give a whole number from 1.`);
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
