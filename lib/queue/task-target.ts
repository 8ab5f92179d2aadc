import { ValidationError } from '../errors/validation.error.js';
import type { HandlerClass } from '../core/handler-types.js';
import type { HandlerRegistry } from '../core/registry.js';
import { check } from '../core/option-checks.js';
import { showValue } from '../core/show-value.js';
import { defineHandler } from '../core/task-definition.js';
import { tasksOf } from '../core/task-metadata.js';

const NAME = check.name();

/** What is known of a task's handler when it is enqueued. */
export interface TaskTarget {
  readonly name: string;
  readonly queue: string;
  readonly priority: number;
}

/** Finds what is to be enqueued: by name, or by what `@Task()` says about a method of a class. */
export class TaskTargets {
  private readonly byClass = new Map<object, Map<string, TaskTarget>>();

  constructor(private readonly registry: HandlerRegistry) {}

  /** Handlers that this process does not know are somebody else's: they get the defaults. */
  byName(name: string): TaskTarget {
    const known = this.registry.defaultsOf(name);
    if (known) return known;
    if (NAME.parse(name) === undefined) {
      throw new ValidationError(
        `The task name is ${showValue(name)}. Give ${NAME.remedy}.`,
        'name',
        name,
      );
    }
    return { name, queue: 'default', priority: 0 };
  }

  /** Whether a method of this class is a handler of this process, or one of the class itself. */
  has(handlers: HandlerClass<unknown>, method: string): boolean {
    return method in handlers.prototype || this.registry.handlerOf(handlers, method) !== undefined;
  }

  byMethod(handlers: HandlerClass<unknown>, method: string): TaskTarget {
    const here = this.registry.handlerOf(handlers, method);
    if (here) return here;
    let methods = this.byClass.get(handlers);
    if (!methods) this.byClass.set(handlers, (methods = new Map()));
    let target = methods.get(method);
    if (!target) methods.set(method, (target = this.define(handlers, method)));
    return target;
  }

  private define(handlers: HandlerClass<unknown>, method: string): TaskTarget {
    const options = tasksOf(handlers.prototype).get(method);
    if (options === undefined) {
      throw new ValidationError(
        `${handlers.name}.${method} is not a handler. Mark the method with @Task(); where another ` +
          `class is provided in its place, enqueue by that class or by name.`,
        'method',
        method,
      );
    }
    return defineHandler(handlers.name, method, options);
  }

  /**
   * Splits the overloads `(name, ...rest)` and `(class, method, ...rest)`.
   *
   * @throws ValidationError when the call begins with neither.
   */
  readCall([first, ...rest]: unknown[]): [TaskTarget, ...unknown[]] {
    if (typeof first === 'string') return [this.byName(first), ...rest];
    if (typeof first !== 'function') {
      throw new ValidationError(
        `Give a task name or a class with @Task() methods, not ${showValue(first)}.`,
        'name',
        first,
      );
    }
    const [method, ...others] = rest;
    const name = typeof method === 'string' ? method : showValue(method);
    return [this.byMethod(first as HandlerClass<unknown>, name), ...others];
  }
}
