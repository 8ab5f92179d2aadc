import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until the answer is there; for what has no event. */
export async function eventually<T>(
  ask: () => Promise<T | false | null | undefined>,
  patience = 60_000,
): Promise<T> {
  const giveUpAt = Date.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > giveUpAt) throw new Error(`It did not happen: ${String(ask)}`);
    await sleep(5);
  }
}
