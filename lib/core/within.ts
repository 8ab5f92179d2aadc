import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for the work to end either way, but no longer than so many ms. */
export async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  if (!work || ms <= 0) return;
  const timeout = new AbortController();
  const timer = sleep(ms, undefined, { signal: timeout.signal }).catch(() => undefined);
  await Promise.race([work.catch(() => undefined), timer]);
  timeout.abort();
}
