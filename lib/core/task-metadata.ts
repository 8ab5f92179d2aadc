import 'reflect-metadata';
import type { TaskOptions } from './task-options.js';

/** Constant, so that two copies of the package in one process agree. */
const KEY = 'sitq:task';

/** Marks a method as a handler. */
export function defineTask(method: object, options: TaskOptions): void {
  Reflect.defineMetadata(KEY, options, method);
}

/** What `@Task()` said about a method, or undefined. */
export function taskOptionsOf(method: unknown): TaskOptions | undefined {
  return typeof method === 'function' ? Reflect.getMetadata(KEY, method) : undefined;
}
