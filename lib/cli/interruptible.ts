const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Does work that Ctrl-C ends by a signal, so that it can remove what it has begun. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const stop = (signal: string) => interrupt.abort(interruption(signal));
  for (const name of SIGNALS) process.once(name, stop);
  try {
    return await work(interrupt.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}

function interruption(signal: string): Error {
  const error = new Error(`${signal} ended it. Nothing has changed.`);
  return Object.assign(error, { name: 'Interrupted' });
}
