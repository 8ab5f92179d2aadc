import { appendFileSync } from 'node:fs';
import type { Answer, ChildEvent, Question } from './protocol.js';

// The parent is gone: nobody will end this process any more.
process.on('disconnect', () => process.exit(3));

/** Tells the parent something. */
export function tell(message: ChildEvent | Answer): void {
  if (process.connected) process.send?.(message);
}

/** Answers questions of the parent. The channel alone does not keep this process alive. */
export function answer(commands: Record<string, (argument: never) => unknown>): void {
  process.on('message', async ({ id, command, argument }: Question) => {
    try {
      tell({ answer: id, value: await commands[command]!(argument as never) });
    } catch (error) {
      tell({ answer: id, error: String(error) });
    }
  });
  process.channel?.unref();
}

/** Appends a line in one write, so that a killed process leaves whole lines. */
export function append(file: string, entry: object): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
}
