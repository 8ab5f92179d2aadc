import {
  defer,
  fromEvent,
  lastValueFrom,
  of,
  takeUntil,
  tap,
  throwError,
  type Observable,
} from 'rxjs';
import { mergeMap } from 'rxjs/operators';
import { SerializationError } from '../errors/serialization.error.js';
import type { TaskRun } from './task-run.js';

/**
 * The last value of an Observable that a handler returned, undefined without any. Each value is
 * published as progress on the way; an aborted signal ends the subscription with its reason.
 */
export function lastValueOf(source: Observable<unknown>, run: TaskRun): Promise<unknown> {
  const { signal } = run;
  const aborted = defer(() => (signal.aborted ? of(null) : fromEvent(signal, 'abort'))).pipe(
    mergeMap(() => throwError(() => signal.reason)),
  );
  const values = source.pipe(
    tap((value) => publish(value, run)),
    takeUntil(aborted),
  );
  return lastValueFrom(values, { defaultValue: undefined });
}

/** A value too large for progress may still be the result. */
function publish(value: unknown, run: TaskRun): void {
  try {
    run.progress(value);
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error;
  }
}
