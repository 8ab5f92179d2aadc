import { ConfigurationError } from '../errors/configuration.error.js';
import type { Handler } from './handler.js';

type HandlerDefaults = Pick<Handler, 'name' | 'queue' | 'priority'>;

/** The handlers of this process by name. Nothing else can be called by a task. */
export class HandlerRegistry {
  /** Looks for what is known of a handler that is not added yet. Nest sets it while it boots. */
  foresee: ((name: string) => HandlerDefaults | undefined) | undefined;

  private readonly handlers = new Map<string, Handler>();
  private readonly byClass = new Map<object, Map<string, Handler>>();

  /** @throws ConfigurationError when another method has the name already. */
  add(handler: Handler): void {
    const holder = this.handlers.get(handler.name);
    if (holder) {
      throw new ConfigurationError(
        `The task name '${handler.name}' is taken twice: by ${holder.origin} and by ` +
          `${handler.origin}. Give one of them another name: @Task({ name: '...' }).`,
        'name',
        handler.name,
      );
    }
    this.handlers.set(handler.name, handler);
  }

  /** What a method of this class means here, if no other handler has claimed it before. */
  link(of: object, method: string, handler: Handler): void {
    let methods = this.byClass.get(of);
    if (!methods) this.byClass.set(of, (methods = new Map()));
    if (!methods.has(method)) methods.set(method, handler);
  }

  /** The handler that runs for a method of this class, which may stand for another class. */
  handlerOf(of: object, method: string): Handler | undefined {
    return this.byClass.get(of)?.get(method);
  }

  get(name: string): Handler | undefined {
    return this.handlers.get(name);
  }

  /** What a task gets that is enqueued by name; undefined for handlers of other processes. */
  defaultsOf(name: string): HandlerDefaults | undefined {
    return this.handlers.get(name) ?? this.foresee?.(name);
  }

  names(): string[] {
    return [...this.handlers.keys()];
  }

  all(): Handler[] {
    return [...this.handlers.values()];
  }
}
