import { ConfigurationError } from '../errors/configuration.error.js';
import { defineTask } from '../core/task-metadata.js';
import type { Task as TaskView } from '../core/task.js';
import type { TaskOptions } from '../core/task-options.js';

/**
 * A task as the application sees it; the same name as the decorator, in the world of types.
 *
 * @publicApi
 */
export type Task = TaskView;

/**
 * Marks a method of a provider or controller as the handler of a task. The method stays an
 * ordinary one and can be called directly.
 *
 * @example
 * @Task({ queue: 'mail', attempts: 5, timeout: '30s' })
 * async welcome(to: string): Promise<void> { ... }
 *
 * @publicApi
 */
export function Task(options: TaskOptions = {}): MethodDecorator {
  return (target, property, descriptor: PropertyDescriptor | undefined) => {
    if (typeof property === 'object') throw refuse(nameOf(target), '?', STANDARD_DECORATOR);
    const method = String(property);
    if (typeof target === 'function') throw refuse(nameOf(target), method, NO_METHOD);
    const className = target.constructor.name;
    if (typeof descriptor?.value !== 'function') throw refuse(className, method, NO_METHOD);
    if (typeof property === 'symbol') throw refuse(className, method, SYMBOL);
    if (!defineTask(target, property, descriptor.value as object, options)) {
      throw refuse(className, method, TWICE);
    }
  };
}

const NO_METHOD =
  'it is no method of an instance. Put it on a method that is neither static nor an accessor or ' +
  'a property.';
const SYMBOL =
  'its name is a symbol, which no task can carry. Give the method a name that is text.';
const TWICE =
  'it stands there twice. Leave one out; for two names write a second method that calls the first.';
const STANDARD_DECORATOR =
  `it was compiled as a standard decorator. Nest's are another kind: set "experimentalDecorators" ` +
  `and "emitDecoratorMetadata" in the compilerOptions of tsconfig.json.`;

function nameOf(target: unknown): string {
  return typeof target === 'function' ? target.name : 'a class';
}

function refuse(className: string, method: string, why: string): ConfigurationError {
  return new ConfigurationError(`@Task() on ${className}.${method}: ${why}`, 'method', method);
}
