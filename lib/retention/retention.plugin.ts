import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PruneLimits, PruningBackend } from '../core/capabilities/pruning-backend.js';
import type { Plugin } from '../core/plugin.js';
import type { RetentionPlan } from './retention-options.js';

/** How often to look, in ms. */
const INTERVAL = 60_000;
/** Tasks per transaction: few, because each may have a thousand log lines. */
const AT_ONCE = 100;

/** Removes tasks that ended longer ago than they are to be kept, a few at a time. */
export class RetentionPlugin implements Plugin {
  readonly name = 'retention';
  private nextAt = 0;

  constructor(
    private readonly backend: PruningBackend,
    private readonly plan: RetentionPlan,
  ) {}

  async tick(now: Date): Promise<void> {
    const at = now.getTime();
    if (at < this.nextAt) return;
    this.nextAt = at + INTERVAL;
    const limits: PruneLimits = Object.fromEntries(
      Object.entries(this.plan).map(([state, age]) => [state, at - age]),
    );
    while ((await this.backend.pruneTasks(limits, AT_ONCE)) === AT_ONCE) await nextTurn();
  }
}
