import { setTimeout as sleep } from 'node:timers/promises';
import { textOf } from '../../../../core/text-of.js';
import { grants } from '../../grants.js';
import { RIGHTS, type Right } from '../../rights.js';
import type { TableName } from '../../table-names.js';
import type { Check } from '../check.js';
import type { Patient } from '../patient.js';

/** How long others who are writing may be in the way, in ms. */
const PATIENCE = 2000;

/** A column of each table that is updated. */
const UPDATED: Readonly<Partial<Record<TableName, string>>> = {
  task: 'status',
  worker: 'lease',
  progress: 'value',
};

/** Statements that need the right and touch no row. */
const PROBES: Readonly<Record<Right, (table: TableName) => string>> = {
  SELECT: (table) => `SELECT * FROM {${table}} WHERE 1 = 0`,
  INSERT: (table) => `INSERT INTO {${table}} SELECT * FROM {${table}} WHERE 1 = 0`,
  UPDATE: (table) => `UPDATE {${table}} SET ${UPDATED[table]} = ${UPDATED[table]} WHERE 1 = 0`,
  DELETE: (table) => `DELETE FROM {${table}} WHERE 1 = 0`,
};

/** What servers call a missing right. */
const DENIED: ReadonlySet<unknown> = new Set(['42501', 'ER_TABLEACCESS_DENIED_ERROR']);

/** Whether this role may do with the tables what a process does that runs tasks. */
export const rightsCheck: Check = {
  name: 'rights',
  after: 'migrations',
  run: async (patient) => {
    const missing: Partial<Record<TableName, Right[]>> = {};
    const reasons = new Set<string>();
    const giveUpAt = Date.now() + PATIENCE;
    for (const [table, rights] of Object.entries(RIGHTS) as [TableName, readonly Right[]][]) {
      for (const right of rights) {
        const error = await refusal(patient, PROBES[right](table), giveUpAt);
        if (error === undefined) continue;
        reasons.add(error instanceof Error ? error.message : textOf(error));
        if (DENIED.has((error as { code?: unknown }).code)) (missing[table] ??= []).push(right);
      }
    }
    if (reasons.size === 0) return { state: 'well', text: 'all that a process needs' };
    const finding = { state: 'fault', text: [...reasons].join('; '), data: { missing } } as const;
    if (Object.keys(missing).length === 0) return finding;
    const { user } = await patient.inspection.identify();
    const lines = grants(patient.dialect.schema, user ?? '', missing).map((grant) => `${grant};`);
    return { ...finding, remedy: 'An administrator can run this.', lines };
  },
};

/** Why the statement may not be run. */
async function refusal(
  { dataSource, dialect }: Patient,
  probe: string,
  giveUpAt: number,
): Promise<unknown> {
  for (;;) {
    try {
      await dataSource.query(dialect.schema.names.in(probe));
      return undefined;
    } catch (error) {
      if (dialect.patienceFor(error) === 0 || Date.now() > giveUpAt) return error;
      await sleep(50);
    }
  }
}
