import { ConfigurationError } from '../errors/configuration.error.js';
import type { Handler } from './handler.js';

/** The handlers of this process by name. Nothing else can be called by a task. */
export class HandlerRegistry {
  private readonly handlers = new Map<string, Handler>();

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
