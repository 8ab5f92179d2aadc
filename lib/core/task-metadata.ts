import 'reflect-metadata';
import type { TaskOptions } from './task-options.js';

/** Constant, so that two copies of the package in one process agree. */
const OF_FUNCTION = 'sitq:task';
/** The same by name on the class: another decorator may put a function of its own in the place. */
const OF_CLASS = 'sitq:tasks';

type Marks = Readonly<Record<string, TaskOptions>>;

/** Marks a method as a handler. @returns false when it was marked before */
export function defineTask(
  prototype: object,
  method: string,
  written: object,
  options: TaskOptions,
): boolean {
  const marks = marksOn(prototype);
  if (Object.hasOwn(marks, method)) return false;
  Reflect.defineMetadata(OF_CLASS, { ...marks, [method]: options }, prototype);
  Reflect.defineMetadata(OF_FUNCTION, options, written);
  return true;
}

/**
 * The handlers among the methods of a class, inherited ones included, and what `@Task()` said about
 * each. One that is overridden without a mark is none any more.
 */
export function tasksOf(prototype: unknown): Map<string, TaskOptions> {
  const tasks = new Map<string, TaskOptions>();
  const overridden = new Set<string>();
  for (
    let at = prototype;
    isObject(at) && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const [method, options] of markedOn(at)) {
      if (options !== undefined && !overridden.has(method)) tasks.set(method, options);
      overridden.add(method);
    }
  }
  return tasks;
}

function markedOn(prototype: object): [string, TaskOptions | undefined][] {
  const marks = marksOn(prototype);
  return Object.getOwnPropertyNames(prototype).map((method) => [
    method,
    Object.hasOwn(marks, method) ? marks[method] : markOf(prototype, method),
  ]);
}

function markOf(prototype: object, method: string): TaskOptions | undefined {
  const written: unknown = Object.getOwnPropertyDescriptor(prototype, method)?.value;
  return typeof written === 'function' ? Reflect.getMetadata(OF_FUNCTION, written) : undefined;
}

function marksOn(prototype: object): Marks {
  return (Reflect.getOwnMetadata(OF_CLASS, prototype) as Marks | undefined) ?? {};
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
