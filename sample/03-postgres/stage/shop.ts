import { setTimeout as sleep } from 'node:timers/promises';
import type { Stats } from '../stats.controller.js';

/** A worker, and what it has done. */
export interface Share {
  readonly pid: number;
  readonly alive: boolean;
  readonly running: number;
  readonly invoices: number;
}

export interface News {
  readonly orders: number;
  readonly invoices: number;
  /** Tasks that have not ended. */
  readonly open: number;
  /** Tasks that ended, but not well. */
  readonly failed: number;
  readonly shares: readonly Share[];
}

interface WorkerJson {
  readonly id: string;
  readonly pid: number;
  readonly alive: boolean;
  readonly inFlight: number;
}

/** Customers in a hurry are served at the same time. */
const COUNTERS = 20;

/** The API as its customers see it. */
export class Shop {
  /** Every worker that was seen: one that died is not listed any more. */
  private readonly workers = new Map<string, WorkerJson>();

  constructor(readonly url: string) {}

  async order(): Promise<void> {
    const cents = Math.ceil(100_000 * Math.random());
    await this.request('/orders', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ customer: 'Ann', cents }),
    });
  }

  /** So many orders as fast as can be. */
  async orderAll(orders: number): Promise<void> {
    let left = orders;
    const serve = async () => {
      while (left-- > 0) await this.order();
    };
    await Promise.all(Array.from({ length: COUNTERS }, serve));
  }

  /** So many orders a second, until the signal aborts; then it rejects. */
  async orderSteadily(perSecond: number, signal: AbortSignal): Promise<never> {
    for (;;) await Promise.all([this.order(), sleep(1000 / perSecond, undefined, { signal })]);
  }

  async news(): Promise<News> {
    const { orders, invoices, tasks } = await this.request<Stats>('/stats');
    const listed = await this.request<WorkerJson[]>('/workers');
    for (const [id, worker] of this.workers) {
      this.workers.set(id, { ...worker, alive: false, inFlight: 0 });
    }
    for (const worker of listed) this.workers.set(worker.id, worker);
    const shares = [...this.workers.values()].map(({ id, pid, alive, inFlight: running }) => {
      const count = invoices.find(({ worker }) => worker === id)?.count ?? 0;
      return { pid, alive, running, invoices: count };
    });
    return {
      orders,
      invoices: total(invoices.map(({ count }) => count)),
      open: tasks.queued + tasks.running,
      failed: tasks.failed,
      shares,
    };
  }

  private async request<T>(path: string, init?: RequestInit): Promise<T> {
    const response = await fetch(this.url + path, init);
    if (!response.ok) throw new Error(`${path} answers ${await response.text()}`);
    return (await response.json()) as T;
  }
}

export function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
