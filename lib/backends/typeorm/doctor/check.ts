import type { Finding } from './finding.js';
import type { Patient } from './patient.js';

/** Looks at one thing. What it throws is a fault. */
export interface Check {
  readonly name: string;
  /** The check without which there is nothing to see: skipped unless that one went well. */
  readonly after?: 'migrations' | 'boot';
  readonly run: (patient: Patient) => Promise<Omit<Finding, 'check'>>;
}
