import { inspect } from 'node:util';
import type { StoreKind } from '../app/databases/kinds.js';
import { recoveryTimes, violations } from '../app/processes/history.js';
import { quantile } from '../app/processes/scene.js';
import { Arena, type Plan, type Remains } from './arena.js';
import type { Fault, Figures } from './fault.js';

/** A row of the report. */
export interface Verdict {
  readonly fault: string;
  readonly db: StoreKind;
  readonly seed: number;
  readonly cycles: number;
  readonly tasks: number;
  /** Acknowledged and not there, or never ended. */
  readonly lost: number;
  /** Runs of a task beyond the first, per 100,000 tasks: the price of "at least once". */
  readonly repeated: number;
  /** From a kill to the next claim of what was lost with it, in ms. */
  readonly recovery: { readonly p50: number; readonly p99: number } | null;
  /** What must not be: broken invariants, damaged files, processes that ended by themselves. */
  readonly violations: readonly string[];
  readonly figures: Figures;
}

/** Lets a fault happen again and again, and judges what is left. */
export async function torture(fault: Fault, db: StoreKind, plan: Plan): Promise<Verdict> {
  const arena = new Arena(db, plan);
  const at = () => ({ fault: fault.name, db, seed: plan.seed, cycles: arena.done });
  try {
    const figures = (await fault.play(arena)) ?? {};
    return { ...at(), ...judge(await arena.finish(), fault.excused), figures };
  } catch (error) {
    const nothing = { tasks: 0, lost: 0, repeated: 0, recovery: null, figures: {} };
    return { ...at(), ...nothing, violations: [`stopped by ${inspect(error)}`] };
  } finally {
    await arena.close();
  }
}

function judge({ history, damage, crashes }: Remains, excused?: RegExp) {
  const broken = violations(history).filter((violation) => !excused?.test(violation));
  const starts = history.ledger.filter(({ step }) => step === 'start').length;
  const ran = new Set(history.ledger.map(({ task }) => task)).size;
  const tasks = history.tasks.length;
  const recovery = recoveryTimes(history);
  return {
    tasks,
    lost: broken.filter((violation) => violation.startsWith('I1')).length,
    repeated: Math.round((100_000 * (starts - ran)) / Math.max(1, tasks)),
    recovery:
      recovery.length > 0 ? { p50: quantile(recovery, 0.5), p99: quantile(recovery, 0.99) } : null,
    violations: [
      ...broken,
      ...damage.map((finding) => `damage ${String(finding)}`),
      ...crashes.map((crash) => `crash ${crash}`),
    ],
  };
}
