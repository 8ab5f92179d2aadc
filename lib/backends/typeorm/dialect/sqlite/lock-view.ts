import { closeSync, openSync, readSync } from 'node:fs';

/**
 * A lock of this process, as Linux shows it beside the descriptor that it was made through. Any
 * part of the process that closes any descriptor of that file takes it away, and nobody is told.
 */
export class LockView {
  private readonly buffer = Buffer.alloc(1024);

  private constructor(
    private readonly view: number,
    private readonly mark: string,
  ) {}

  /**
   * Of one of these descriptors; null where none has such a lock.
   *
   * @param lastByte of the range that is locked: neighbours of it may be shown as one with it.
   */
  static of(descriptors: readonly number[], lastByte: number): LockView | null {
    for (const descriptor of descriptors) {
      const view = openSync(`/proc/self/fdinfo/${descriptor}`, 'r');
      const lock = new LockView(view, ` ${lastByte}\n`);
      if (lock.isHeld) return lock;
      lock.close();
    }
    return null;
  }

  /** One call of the system: the view stays open, and is written anew for each reader. */
  get isHeld(): boolean {
    const { buffer } = this;
    try {
      const length = readSync(this.view, buffer, 0, buffer.length, 0);
      return buffer.toString('latin1', 0, length).includes(this.mark);
    } catch {
      return false; // the descriptor was closed
    }
  }

  close(): void {
    closeSync(this.view);
  }
}
