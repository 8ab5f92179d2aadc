import type { ArgsOf, MethodOf, ResultOf } from '../core/handler-types.js';
import type { TaskHandle } from './task-handle.js';

/**
 * The handlers of a class as functions that enqueue: same arguments, a handle of the same result.
 *
 * @publicApi
 */
export type TaskProxy<T> = {
  readonly [K in MethodOf<T>]: (...args: ArgsOf<T, K>) => Promise<TaskHandle<ResultOf<T, K>>>;
};

/** Makes a {@link TaskProxy} from a function that enqueues by method name. */
export function createTaskProxy<T>(
  isHandler: (method: string) => boolean,
  enqueue: (method: string, args: unknown[]) => Promise<TaskHandle>,
): TaskProxy<T> {
  return new Proxy(Object.create(null) as TaskProxy<T>, {
    get(_target, method) {
      // Awaiting the proxy, printing it or comparing it in a test must not enqueue anything.
      if (typeof method !== 'string' || method in Object.prototype) return undefined;
      if (!isHandler(method)) return undefined;
      return (...args: unknown[]) => enqueue(method, args);
    },
  });
}
