import { AsyncResource } from 'node:async_hooks';

/** Made when the package is loaded, which is before anything has entered a context. */
const origin = new AsyncResource('SitqOrigin');

/**
 * Does `work` in the context in which the package was loaded, and not in that of whoever happens to
 * call. What it enters stays in it: before Node 24 `enterWith` marks the resource that it finds, so
 * that there is one for each call.
 */
export function withoutContext<T>(work: () => T): T {
  return origin.runInAsyncScope(() => new AsyncResource('SitqWork').runInAsyncScope(work));
}
