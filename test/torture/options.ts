import { parseArgs } from 'node:util';
import type { StoreKind } from '../app/databases/kinds.js';
import type { Plan } from './arena.js';
import type { Fault } from './fault.js';
import { FAULTS } from './faults.js';

/** What the command line asks for. */
export interface TortureOptions {
  readonly kinds: readonly StoreKind[];
  readonly faults: readonly Fault[];
  /** Of each fault on each database. */
  readonly plan: Plan;
  readonly json: string | undefined;
}

const DATABASES = ['sqlite', 'postgres', 'mysql'];

export const USAGE = `npm run torture -- [options]

  --db          ${DATABASES.join(', ')}: one or several, with commas (default: all that are found)
  --fault       one or several, with commas (default: all that the database can have)
  --minutes     how long each fault goes on (default: 2)
  --cycles      how often each fault happens at most (default: as often as there is time for)
  --durability  full or relaxed, where there is the option (default: full)
  --seed        of everything that is chosen at random (default: by the clock)
  --json        file for the report

Faults:
${FAULTS.map(({ name, title }) => `  ${name.padEnd(15)} ${title}`).join('\n')}`;

/** @throws Error that names the option, the value and what it could be. */
export function readOptions(args: readonly string[]): TortureOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      db: { type: 'string', default: DATABASES.join(',') },
      fault: { type: 'string', default: FAULTS.map(({ name }) => name).join(',') },
      minutes: { type: 'string', default: '2' },
      cycles: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      durability: { type: 'string', default: 'full' },
      json: { type: 'string' },
    },
  });
  const kinds = chosen('db', values.db, DATABASES).flatMap((db) =>
    db === 'mysql' ? (['mysql', 'mariadb'] as const) : [db as StoreKind],
  );
  const names = chosen(
    'fault',
    values.fault,
    FAULTS.map(({ name }) => name),
  );
  return {
    kinds,
    faults: FAULTS.filter(({ name }) => names.includes(name)),
    plan: {
      seed: positive('seed', values.seed),
      time: 60_000 * positive('minutes', values.minutes),
      cycles: positive('cycles', values.cycles),
      durability: chosen('durability', values.durability, ['full', 'relaxed'])[0] as 'full',
    },
    json: values.json,
  };
}

function chosen(option: string, value: string, known: readonly string[]): string[] {
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  throw new Error(`--${option} has '${unknown}'. Give some of ${known.join(', ')}.`);
}

function positive(option: string, value: string): number {
  const number = Number(value);
  if (number > 0) return number;
  throw new Error(`--${option} is '${value}'. Give a number above 0.`);
}
