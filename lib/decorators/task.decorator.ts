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
    if (typeof target === 'function' || typeof descriptor?.value !== 'function') {
      const where = typeof target === 'function' ? target.name : target.constructor.name;
      throw new ConfigurationError(
        `@Task() on ${where}.${String(property)}: it is no method of an instance. Put it on a method ` +
          `that is neither static nor an accessor or a property.`,
        'method',
        String(property),
      );
    }
    defineTask(descriptor.value as object, options);
  };
}
