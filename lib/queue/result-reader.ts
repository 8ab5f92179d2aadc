import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Backend } from '../core/backend.js';
import { isResultListingBackend } from '../core/capabilities/result-listing-backend.js';
import type { StoredResult } from '../core/result.js';

/** Tasks per look at a store that reads many at once, and at one that does not. */
const MANY = 500;
const FEW = 10;

interface Wish {
  readonly resolve: (result: StoredResult | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads results for many at a time: what is asked for while one look is under way goes together
 * into the next.
 */
export class ResultReader {
  private wishes = new Map<string, Wish[]>();
  private reading = false;

  constructor(private readonly backend: Backend) {}

  /** The result of a task; null when there is no such task. */
  read(taskId: string): Promise<StoredResult | null> {
    return new Promise((resolve, reject) => {
      const wish = { resolve, reject };
      const others = this.wishes.get(taskId);
      if (others) others.push(wish);
      else this.wishes.set(taskId, [wish]);
      if (this.reading) return;
      this.reading = true;
      queueMicrotask(() => void this.readAll());
    });
  }

  private async readAll(): Promise<void> {
    const size = isResultListingBackend(this.backend) ? MANY : FEW;
    while (this.wishes.size > 0) {
      const wishes = this.wishes;
      this.wishes = new Map();
      const ids = [...wishes.keys()];
      for (let at = 0; at < ids.length; at += size) {
        if (at > 0) await nextTurn(); // a file is read without a pause
        await this.answer(ids.slice(at, at + size), wishes);
      }
    }
    this.reading = false;
  }

  private async answer(ids: readonly string[], wishes: ReadonlyMap<string, Wish[]>): Promise<void> {
    try {
      const found = new Map((await this.find(ids)).map((result) => [result.taskId, result]));
      for (const id of ids) for (const wish of wishes.get(id)!) wish.resolve(found.get(id) ?? null);
    } catch (error) {
      for (const id of ids) for (const wish of wishes.get(id)!) wish.reject(error);
    }
  }

  private async find(ids: readonly string[]): Promise<StoredResult[]> {
    const { backend } = this;
    if (isResultListingBackend(backend)) return backend.getResults(ids);
    const results = await Promise.all(ids.map((id) => backend.getResult(id)));
    return results.filter((result) => result !== null);
  }
}
