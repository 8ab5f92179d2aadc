import { BackendError } from '../../../errors/backend.error.js';
import type { Turn } from './turn.js';

/** How long to wait for one and the same transaction, in ms. */
const LONGEST_WAIT = 15_000;

interface Waiting {
  readonly turn: Turn;
  readonly go: () => void;
  readonly refuse: (error: Error) => void;
}

/** One after the other, in the order in which they came. */
export class TurnLine {
  current: Turn | undefined;
  private waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;

  async run<T>(turn: Turn, work: () => Promise<T>): Promise<T> {
    await this.enter(turn);
    try {
      return await work();
    } finally {
      this.leave(turn);
    }
  }

  /** @throws BackendError when the one before it does not end. */
  async enter(turn: Turn): Promise<Turn> {
    if (!this.current) return this.begin(turn);
    await new Promise<void>((go, refuse) => {
      this.waiting.push({ turn, go, refuse });
      this.timer ??= this.startTimer();
    });
    return turn;
  }

  begin(turn: Turn): Turn {
    this.current = turn;
    return turn;
  }

  leave(turn: Turn): void {
    turn.isOver = true;
    if (turn !== this.current) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const next = this.waiting.shift();
    this.current = next?.turn;
    if (!next) return;
    if (this.waiting.length > 0) this.timer = this.startTimer();
    next.go();
  }

  private startTimer(): NodeJS.Timeout {
    return setTimeout(() => this.giveUp(), LONGEST_WAIT);
  }

  /** What has no task in it is the application's own affair: there it is as without sitq. */
  private giveUp(): void {
    const { waiting, current } = this;
    this.waiting = [];
    this.timer = undefined;
    for (const { turn, go, refuse } of waiting) {
      if (!current || current.hasTasks) {
        refuse(tooLong());
        continue;
      }
      current.isShared = true;
      turn.isShared = true;
      go();
    }
  }
}

function tooLong(): BackendError {
  const seconds = LONGEST_WAIT / 1000;
  return new BackendError(
    `The transaction cannot begin: another one with tasks in it has been open on this DataSource ` +
      `for ${seconds} s, and on SQLite there is one connection for all. Keep transactions short; ` +
      `inside of one use its manager.`,
    { transient: true },
  );
}
