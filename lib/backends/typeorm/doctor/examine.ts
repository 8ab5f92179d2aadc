import { BackendError } from '../../../errors/backend.error.js';
import { SitqError } from '../../../errors/sitq.error.js';
import type { Check } from './check.js';
import { bootCheck } from './checks/boot.check.js';
import { clockCheck } from './checks/clock.check.js';
import { connectionCheck } from './checks/connection.check.js';
import { driftCheck } from './checks/drift.check.js';
import { migrationsCheck } from './checks/migrations.check.js';
import { queuesCheck } from './checks/queues.check.js';
import { rightsCheck } from './checks/rights.check.js';
import { rowsCheck } from './checks/rows.check.js';
import { workersCheck } from './checks/workers.check.js';
import type { Finding } from './finding.js';
import type { Patient } from './patient.js';

/** How long a check may take, in ms: a server that hangs must not hang the doctor. */
const PATIENCE = 15_000;

/** Looks at everything about a store that can be wrong. Never throws. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const checks: Check[] = [
    connectionCheck,
    migrationsCheck,
    driftCheck,
    rightsCheck,
    bootCheck,
    clockCheck,
    ...patient.inspection.checks,
    workersCheck,
    queuesCheck,
    rowsCheck,
  ];
  const findings = new Map<string, Finding>();
  for (const check of checks) {
    const { name, after } = check;
    const isInOrder = after === undefined || findings.get(after)?.state === 'well';
    findings.set(name, isInOrder ? await report(check, patient) : skipped(name, after));
  }
  return [...findings.values()];
}

function skipped(check: string, after: string): Finding {
  return { check, state: 'skipped', text: `not before ${after} is in order` };
}

async function report(check: Check, patient: Patient): Promise<Finding> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const late = new BackendError(`no answer within ${PATIENCE} ms`, { transient: true });
    timer = setTimeout(() => reject(late), PATIENCE);
  });
  try {
    return { check: check.name, ...(await Promise.race([check.run(patient), timeout])) };
  } catch (error) {
    const known = error instanceof SitqError ? error : patient.dialect.toBackendError(error);
    return { check: check.name, state: 'fault', text: known.message };
  } finally {
    clearTimeout(timer);
  }
}
