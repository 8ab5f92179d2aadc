import { setTimeout as sleep } from 'node:timers/promises';

/** Pauses between attempts grow with each one, to so many ms: many processes wait for a server. */
const LONGEST_PAUSE = 250;

/**
 * Does something again as long as it fails for a reason that passes, and patience lasts. There is
 * a second attempt in any case: the first may have met a connection that broke unnoticed, and have
 * spent all its time on that.
 *
 * @param patienceFor how long such an error is tolerated, in ms; 0: not at all.
 * @param since when patience began, by `performance.now()`.
 */
export async function tryAgain<T>(
  work: () => Promise<T> | T,
  patienceFor: (error: unknown) => number,
  since = performance.now(),
): Promise<T> {
  for (let round = 0; ; round += 1) {
    try {
      return await work();
    } catch (error) {
      const patience = patienceFor(error);
      const isOver = round > 0 && performance.now() - since >= patience;
      if (patience === 0 || isOver) throw error;
      await sleep(Math.random() * Math.min(LONGEST_PAUSE, 2 + 4 * round));
    }
  }
}
