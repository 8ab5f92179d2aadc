import { Injectable, Logger } from '@nestjs/common';
import { DiscoveryService, ModulesContainer } from '@nestjs/core';
import type { Handler } from './core/handler.js';
import type { Plugin } from './core/plugin.js';
import { HandlerRegistry } from './core/registry.js';
import { ConfigurationError } from './errors/configuration.error.js';
import { LOG_CONTEXT } from './sitq.constants.js';
import {
  doubtfulName,
  enqueuedUnknown,
  loadedLate,
  noInstance,
  notProvided,
  notStatic,
  ranOnFirst,
} from './sitq.messages.js';
import { isStandIn, offersOf, prototypeOf, type Offer, type Wrapper } from './task-offers.js';

type Instance = Record<string, (...args: unknown[]) => unknown>;

interface Holder {
  readonly wrapper: Wrapper;
  readonly method: string;
}

/** Finds the methods marked `@Task()` and checks each of them before anything runs. */
@Injectable()
export class TaskExplorer {
  private readonly logger = new Logger(LOG_CONTEXT);
  /** Who runs the tasks of a name. */
  private readonly holders = new Map<string, Holder>();
  /** Names that were enqueued when no handler of theirs could be known. */
  private readonly unforeseen = new Set<string>();
  /** How many modules have been looked through. */
  private explored = 0;

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly modules: ModulesContainer,
    private readonly registry: HandlerRegistry,
  ) {
    registry.foresee = (name) => this.foresee(name);
  }

  /** @throws ConfigurationError for the first handler that is wrong. */
  explore(): void {
    this.registry.foresee = undefined;
    for (const wrapper of this.wrappers()) {
      for (const offer of offersOf(wrapper)) this.take(wrapper, offer);
    }
  }

  /** Modules that are loaded lazily announce themselves to nobody: they are looked for. */
  readonly lateModules: Plugin = {
    name: 'late modules',
    tick: () => {
      if (this.modules.size === this.explored) return;
      for (const wrapper of this.wrappers()) {
        for (const { handler, method } of offersOf(wrapper)) {
          if (this.holders.has(handler.name)) continue;
          this.holders.set(handler.name, { wrapper, method });
          this.logger.warn(loadedLate(handler));
        }
      }
    },
  };

  /** Those of a class itself first: what stands in for it elsewhere comes after it. */
  private wrappers(): Wrapper[] {
    this.explored = this.modules.size;
    const all = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    return [...all.filter((each) => !isStandIn(each)), ...all.filter(isStandIn)];
  }

  /**
   * A handler that is enqueued while the application is made: its class is known, but need not have
   * an instance. What a factory is yet to make is not known at all, which shows at the boot.
   */
  private foresee(name: string): Offer['handler'] | undefined {
    for (const wrapper of this.wrappers()) {
      for (const { handler } of offersOf(wrapper)) if (handler.name === name) return handler;
    }
    this.unforeseen.add(name);
    return undefined;
  }

  private requireForeseen({ name, origin, queue, priority }: Offer['handler']): void {
    const isAsForeseen = queue === 'default' && priority === 0;
    if (isAsForeseen || !this.unforeseen.has(name)) return;
    throw new ConfigurationError(enqueuedUnknown(name, origin), 'name');
  }

  private take(wrapper: Wrapper, offer: Offer): void {
    const { className, handler, isDoubtful, method } = offer;
    this.requireForeseen(handler);
    if (!wrapper.isDependencyTreeStatic() || wrapper.isTransient) {
      const scope = wrapper.isTransient ? 'transient' : 'request-scoped';
      throw new ConfigurationError(notStatic(handler.origin, scope), 'scope', scope);
    }
    const first = this.holders.get(handler.name);
    if (first?.method === method && isSame(first.wrapper, wrapper)) {
      this.noteTwice(wrapper, first.wrapper, handler.origin);
      return this.link(offer, this.registry.get(handler.name)!);
    }
    const instance = wrapper.instance as Instance | null | undefined;
    if (typeof instance?.[method] !== 'function') {
      if (isStandIn(wrapper)) return this.logger.warn(notProvided(handler.origin, className));
      throw new ConfigurationError(noInstance(handler.origin), 'provider', wrapper.name);
    }
    if (isDoubtful) this.logger.warn(doubtfulName(handler.name));
    const complete = {
      ...handler,
      invoke: (args: readonly unknown[]) => instance[method]!(...args),
    };
    this.registry.add(complete);
    this.holders.set(handler.name, { wrapper, method });
    this.link(offer, complete);
  }

  private link({ method, of }: Offer, handler: Handler): void {
    for (const each of of) this.registry.link(each, method, handler);
  }

  private noteTwice(wrapper: Wrapper, first: Wrapper, origin: string): void {
    if (wrapper.instance === first.instance) return;
    const modules = [first.host?.name, wrapper.host?.name].join(', ');
    this.logger.warn(ranOnFirst(origin, modules));
  }
}

/** The same class, or the same object, in two modules. */
function isSame(one: Wrapper, other: Wrapper): boolean {
  return one.instance === other.instance || prototypeOf(one) === prototypeOf(other);
}
