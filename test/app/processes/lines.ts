import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** A file of JSON lines that several processes append to, each line in one write. */
export class LinesFile<T> {
  private readonly lines: T[] = [];
  /** How much of it has been read. */
  private end = 0;

  constructor(private readonly path: string) {}

  /** Every line so far; none when it is not there. Only what is new since the last call is read. */
  read(): T[] {
    const text = this.more();
    const whole = text.subarray(0, text.lastIndexOf('\n') + 1);
    this.end += whole.length;
    for (const line of whole.toString().split('\n')) {
      if (line) this.lines.push(JSON.parse(line) as T);
    }
    return [...this.lines];
  }

  private more(): Buffer {
    if (!existsSync(this.path)) return Buffer.alloc(0);
    const file = openSync(this.path, 'r');
    try {
      const more = Buffer.alloc(fstatSync(file).size - this.end);
      return more.subarray(0, readSync(file, more, 0, more.length, this.end));
    } finally {
      closeSync(file);
    }
  }
}
