import { ConfigurationError } from '../errors/configuration.error.js';
import type { Handler } from './handler.js';

/** The handlers of this process by name. Nothing else can be called by a task. */
export class HandlerRegistry {
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

  names(): string[] {
    return [...this.handlers.keys()];
  }

  all(): Handler[] {
    return [...this.handlers.values()];
  }
}
