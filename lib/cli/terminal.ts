import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';
import { hidePasswords } from '../core/hide-passwords.js';

/** Where commands write: what was asked for to stdout, what is wrong to stderr, passwords never. */
export class Terminal {
  /** 0: done, and well. 1: done, and something is wrong. 2: not done. */
  exitCode = 0;
  private readonly isColoured: boolean;

  constructor(
    private readonly out: NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'hasColors'>>,
    private readonly err: NodeJS.WritableStream,
  ) {
    this.isColoured = out.isTTY === true && out.hasColors?.() === true;
    out.on('error', () => undefined); // whoever reads it may leave early, as head does
  }

  print(...lines: readonly string[]): void {
    for (const line of lines) this.out.write(`${hidePasswords(line)}\n`);
  }

  /** Something is wrong, which may have been printed already. */
  fail(text?: string, exitCode: 1 | 2 = 1): void {
    if (text !== undefined) this.err.write(`${hidePasswords(text)}\n`);
    this.exitCode = exitCode;
  }

  /** Coloured where a person looks. */
  paint(style: 'red' | 'yellow' | 'green' | 'dim', text: string): string {
    return this.isColoured ? styleText(style, text) : text;
  }
}
