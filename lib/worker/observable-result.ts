import { fromEvent, isObservable, lastValueFrom, takeUntil, tap, type Observable } from 'rxjs';
import type { CurrentRun } from '../core/current-run.js';

/**
 * What a handler returned as a value or a promise of one. Each value of an Observable is published
 * as progress and the last one is the result; an aborted signal ends the subscription.
 */
export function settledValue(returned: unknown, run: CurrentRun): unknown {
  if (returned instanceof Promise) return returned.then((value) => lastValue(value, run));
  return lastValue(returned, run);
}

function lastValue(value: unknown, run: CurrentRun): unknown {
  return isObservable(value) ? observe(value, run) : value;
}

function observe(source: Observable<unknown>, run: CurrentRun): Promise<unknown> {
  const aborted = fromEvent(run.signal, 'abort').pipe(
    tap(() => {
      throw run.signal.reason;
    }),
  );
  const values = source.pipe(
    tap((value) => run.progress(value)),
    takeUntil(aborted),
  );
  return lastValueFrom(values, { defaultValue: undefined });
}
