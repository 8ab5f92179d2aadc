import { median } from '../workspace.mjs';
import { runChild } from './run-child.mjs';
import { takesPart } from './workloads.mjs';

/** Measures workload by workload, the rows in turn in every round, each in a process of its own. */
export class Benchmark {
  figures = {};
  settings = {};
  failures = [];

  /** @param parts stores by their kind; rounds; the workload that chooses settings; a signal */
  constructor(parts) {
    this.parts = parts;
  }

  async measure(workload, rows) {
    const { rounds } = this.parts;
    const taking = rows.filter((row) => takesPart(row, workload));
    if (workload.tuned) for (const row of taking) this.settings[row.id] ??= await this.tune(row);
    const outcomes = new Map(taking.map((row) => [row, []]));
    for (let round = 1; round <= rounds; round += 1) {
      for (const [row, all] of outcomes) {
        say(`${workload.id}, round ${round} of ${rounds}: ${row.title}`);
        const setting = workload.takes ? row.sleepers : this.settings[row.id];
        const outcome = await this.attempt(row, workload, setting);
        if (outcome) all.push(outcome);
        else outcomes.delete(row);
      }
    }
    this.figures[workload.id] = Object.fromEntries(
      [...outcomes].map(([row, all]) => [row.id, summarise(all)]),
    );
  }

  /** What fails is told and left out; the others go on. */
  async attempt(row, workload, setting) {
    try {
      return await this.once(row, workload, setting);
    } catch (error) {
      this.parts.signal.throwIfAborted();
      console.error(`!! FAILED: ${workload.id} by ${row.title}: ${error.message}`);
      this.failures.push({ workload: workload.id, row: row.id, message: error.message });
      return undefined;
    }
  }

  /** The setting that drains fastest; it is kept for all drains. */
  async tune(row) {
    if (row.tries.length === 1) return row.tries[0];
    const rates = [];
    for (const setting of row.tries) {
      say(`trying ${row.title} with ${JSON.stringify(setting)}`);
      const outcome = await this.attempt(row, this.parts.tuning, setting);
      rates.push(outcome?.rate ?? 0);
    }
    return row.tries[rates.indexOf(Math.max(...rates))];
  }

  /** On a store of its own. */
  async once(row, workload, setting) {
    const { stores, signal } = this.parts;
    const { queued, count, limit } = workload;
    signal.throwIfAborted();
    const name = `${row.tables ?? row.adapter}-${queued}`;
    const { store, drop } = await stores[row.store].fresh(name, row.storeOptions, (empty) =>
      runChild('prepare', { row, store: empty, tasks: queued }, signal),
    );
    try {
      const args = { row, workload, store, queued, count, limit, setting };
      return await runChild('measure', args, signal);
    } finally {
      await drop();
    }
  }
}

/** The median of each figure, and what it is the median of. */
function summarise(outcomes) {
  return Object.fromEntries(
    Object.keys(outcomes[0]).map((name) => {
      const rounds = outcomes.map((outcome) => outcome[name]);
      return [name, { median: median(rounds), rounds }];
    }),
  );
}

function say(line) {
  console.error(`  ${line}`);
}
