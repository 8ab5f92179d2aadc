import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { companionsOf } from './companions.js';

/**
 * Gives the work an empty file beside the target, which only this user can read. Whatever is left
 * of it in the end is removed.
 */
export async function withDraft<T>(
  target: string,
  work: (draft: string) => Promise<T>,
): Promise<T> {
  const draft = `${target}.${randomBytes(4).toString('hex')}.partial`;
  try {
    await (await open(draft, 'wx', 0o600)).close();
    return await work(draft);
  } finally {
    for (const file of [draft, ...companionsOf(draft)]) await rm(file, { force: true });
  }
}
