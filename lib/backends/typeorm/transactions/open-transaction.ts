import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryRunner } from 'typeorm';
import type { JoinedTransaction } from '../../../core/capabilities/transactional-backend.js';

/** How often to see whether a transaction has ended without a word, in ms. */
const LOOK_INTERVAL = 50;

/** A transaction of the application that TypeORM has begun. */
export class OpenTransaction implements JoinedTransaction {
  private state: 'open' | 'committed' | 'rolled back' = 'open';
  private readonly duties: (() => void)[] = [];
  private tell!: () => void;
  private readonly told = new Promise<void>((resolve) => (this.tell = resolve));

  constructor(private readonly runner: QueryRunner) {}

  /** A connection that broke, or was given back as it was, ends a transaction too. */
  get isOpen(): boolean {
    const { isReleased, isTransactionActive } = this.runner;
    return this.state === 'open' && isTransactionActive && !isReleased;
  }

  get isRolledBack(): boolean {
    return this.state === 'rolled back';
  }

  /** Does something right after the commit, and not at all after a rollback. */
  afterCommit(duty: () => void): void {
    this.duties.push(duty);
  }

  end(state: 'committed' | 'rolled back'): void {
    this.state = state;
    for (const duty of state === 'committed' ? this.duties : []) {
      try {
        duty();
      } catch {
        // The commit stands. Thrown from here, the application would take it for failed.
      }
    }
    this.tell();
  }

  async over(): Promise<void> {
    while (this.isOpen) {
      await Promise.race([this.told, sleep(LOOK_INTERVAL, undefined, { ref: false })]);
    }
  }
}
