import { Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { HandlerRegistry } from './core/registry.js';
import { defineHandler } from './core/task-definition.js';
import { taskOptionsOf } from './core/task-metadata.js';
import { ConfigurationError } from './errors/configuration.error.js';
import { LOG_CONTEXT } from './sitq.constants.js';
import { noInstance, notStatic, ranOnFirst } from './sitq.messages.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Instance = Record<string, (...args: unknown[]) => unknown>;

/** Finds the methods marked `@Task()` and checks each of them before anything runs. */
@Injectable()
export class TaskExplorer {
  private readonly logger = new Logger(LOG_CONTEXT);

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly registry: HandlerRegistry,
  ) {}

  /** @throws ConfigurationError for the first handler that is wrong. */
  explore(): void {
    const seen = new Map<unknown, Wrapper>();
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    for (const wrapper of wrappers) {
      const handlers = this.handlersOf(wrapper);
      if (handlers.length === 0) continue;
      // By prototype: the providers of values have no metatype.
      const prototype = prototypeOf(wrapper);
      const first = seen.get(prototype);
      if (first) this.noteTwice(wrapper, first, handlers[0]!);
      else this.register(wrapper, handlers);
      seen.set(prototype, first ?? wrapper);
    }
  }

  private handlersOf(wrapper: Wrapper): string[] {
    if (wrapper.isAlias) return [];
    const prototype = prototypeOf(wrapper);
    if (!prototype) return [];
    return this.scanner
      .getAllMethodNames(prototype)
      .filter((method) => taskOptionsOf(prototype[method]) !== undefined);
  }

  private register(wrapper: Wrapper, methods: string[]): void {
    const className = classNameOf(wrapper);
    for (const method of methods) {
      const options = taskOptionsOf(prototypeOf(wrapper)![method])!;
      const handler = defineHandler(className, method, options);
      if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) {
        const scope = wrapper.isTransient ? 'transient' : 'request-scoped';
        throw new ConfigurationError(notStatic(handler.origin, scope), 'scope', scope);
      }
      const instance = wrapper.instance as Instance | undefined;
      if (typeof instance?.[method] !== 'function') {
        throw new ConfigurationError(noInstance(handler.origin), 'provider', wrapper.name);
      }
      this.registry.add({ ...handler, invoke: (args) => instance[method]!(...args) });
    }
  }

  private noteTwice(wrapper: Wrapper, first: Wrapper, method: string): void {
    if (wrapper.instance === first.instance) return;
    const modules = [first.host?.name, wrapper.host?.name].join(', ');
    this.logger.warn(ranOnFirst(`${classNameOf(wrapper)}.${method}`, modules));
  }
}

/** Where the methods are: on the class, or on the instance that a factory made. */
function prototypeOf(wrapper: Wrapper): Instance | undefined {
  const { metatype, instance } = wrapper;
  if (typeof metatype === 'function' && metatype.prototype && wrapper.inject === null) {
    return metatype.prototype as Instance;
  }
  if (typeof instance === 'object' && instance !== null) {
    return Object.getPrototypeOf(instance) as Instance | undefined;
  }
  return (metatype as { prototype?: Instance } | null)?.prototype;
}

function classNameOf(wrapper: Wrapper): string {
  const constructor = prototypeOf(wrapper)?.constructor as { name?: string } | undefined;
  return constructor?.name ?? String(wrapper.name);
}
