/** Hears of aborts by one listener per signal, however many wait for it: Node warns from 11 on. */
export class AbortWatch {
  private readonly watched = new Map<AbortSignal, Set<() => void>>();

  /** Calls back when it aborts. Returns the function that ends it. */
  on(signal: AbortSignal, act: () => void): () => void {
    const acts = this.watched.get(signal) ?? this.watch(signal);
    acts.add(act);
    return () => {
      acts.delete(act);
      if (acts.size > 0) return;
      signal.removeEventListener('abort', this.abort);
      this.watched.delete(signal);
    };
  }

  private watch(signal: AbortSignal): Set<() => void> {
    const acts = new Set<() => void>();
    this.watched.set(signal, acts);
    signal.addEventListener('abort', this.abort);
    return acts;
  }

  private readonly abort = ({ target }: Event): void => {
    for (const act of this.watched.get(target as AbortSignal) ?? []) act();
  };
}
