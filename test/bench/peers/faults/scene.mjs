import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeOf } from '../runtime.mjs';

const PROCESS = new URL('./process.mjs', import.meta.url);
/** What is left has so long to end, from the last end of another one on, in ms. */
const DRAIN = 60_000;

/** Workers and a producer of a queue as processes, and what they wrote. */
export class Scene {
  folder = mkdtempSync(join(tmpdir(), 'sitq-faults-'));
  journal = join(this.folder, 'journal');
  ledger = join(this.folder, 'ledger');
  workers = [];
  kills = new Map();
  started = 0;

  constructor(row, store) {
    this.row = row;
    this.store = store;
  }

  async startWorker() {
    const name = `worker-${(this.started += 1)}`;
    this.workers.push({ name, child: await this.start('worker', name) });
  }

  async startProducer() {
    this.producer = await this.start('producer', 'task');
  }

  async stopProducer() {
    const stopped = once(this.producer, 'message');
    this.producer.send('stop');
    await stopped;
  }

  pick() {
    return this.workers[Math.floor(Math.random() * this.workers.length)];
  }

  end(worker) {
    this.workers.splice(this.workers.indexOf(worker), 1);
    this.kills.set(worker.name, Date.now());
    worker.child.kill('SIGKILL');
  }

  /** Resolves when every acknowledged task has ended, or when none has for a long time. */
  async drained() {
    let least = Infinity;
    let giveUpAt = 0;
    for (let left = this.unfinished().length; left > 0; left = this.unfinished().length) {
      if (left < least) giveUpAt = Date.now() + DRAIN;
      if (Date.now() > giveUpAt) break;
      least = left;
      await sleep(200);
    }
    await sleep(1000); // second runs
  }

  figures() {
    const tasks = read(this.journal).length;
    const entries = read(this.ledger);
    const ends = new Map();
    for (const { id, step } of entries) if (step === 'end') ends.set(id, (ends.get(id) ?? 0) + 1);
    const recovery = this.recoveryTimes(entries).sort((a, b) => a - b);
    const at = (part) =>
      recovery[Math.min(recovery.length - 1, Math.floor(part * recovery.length))];
    return {
      tasks,
      [`not finished ${DRAIN / 1000} s after the last one`]: this.unfinished().length,
      'finished twice': [...ends.values()].filter((count) => count > 1).length,
      'recovery p50 ms': at(0.5),
      'recovery p99 ms': at(0.99),
    };
  }

  unfinished() {
    const ended = new Set(
      read(this.ledger).flatMap(({ id, step }) => (step === 'end' ? [id] : [])),
    );
    return read(this.journal).filter(({ id }) => !ended.has(id));
  }

  /** From the death of a worker to the next start of what it had started. */
  recoveryTimes(entries) {
    const ended = new Set(
      entries.flatMap(({ id, step, worker }) => (step === 'end' ? [`${worker} ${id}`] : [])),
    );
    return entries.flatMap(({ id, step, worker, at }) => {
      const killedAt = this.kills.get(worker);
      if (step !== 'start' || killedAt === undefined || ended.has(`${worker} ${id}`)) return [];
      const next = entries.find(
        (entry) => entry.id === id && entry.step === 'start' && entry.at > at,
      );
      return next ? [next.at - killedAt] : [];
    });
  }

  async close() {
    const children = [...this.workers.map(({ child }) => child), this.producer].filter(Boolean);
    for (const child of children) child.kill('SIGKILL');
    await sleep(200);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async start(role, name) {
    const { journal, ledger, row, store } = this;
    const { queue } = row;
    const config = { role, queue, store, name, journal, ledger };
    const child = fork(PROCESS, [JSON.stringify(config)], {
      execPath: nodeOf(row),
      env: { ...process.env, NO_LOG_SUCCESS: '1' },
    });
    await once(child, 'message');
    return child;
  }
}

function read(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
