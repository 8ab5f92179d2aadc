import { fromEvent, isObservable, lastValueFrom, takeUntil, tap } from 'rxjs';
import type { CurrentRun } from '../core/current-run.js';

/**
 * What a handler returned as a value or a promise of one. Each value of an Observable is published
 * as progress and the last one is the result; an aborted signal ends the subscription.
 */
export function settledValue(returned: unknown, run: CurrentRun): unknown {
  if (!isObservable(returned)) return returned;
  const aborted = fromEvent(run.signal, 'abort').pipe(
    tap(() => {
      throw run.signal.reason;
    }),
  );
  const values = returned.pipe(
    tap((value) => run.progress(value)),
    takeUntil(aborted),
  );
  return lastValueFrom(values, { defaultValue: undefined });
}
