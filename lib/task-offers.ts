import type { DiscoveryService } from '@nestjs/core';
import type { Handler } from './core/handler.js';
import { mayBeMadeUp } from './core/made-up-name.js';
import { defineHandler } from './core/task-definition.js';
import { tasksOf } from './core/task-metadata.js';
import type { TaskOptions } from './core/task-options.js';
import { ConfigurationError } from './errors/configuration.error.js';
import { otherName } from './sitq.messages.js';

/** What Nest knows of a provider or controller. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Class = abstract new (...args: never[]) => unknown;

/** One handler of a provider. */
export interface Offer {
  readonly handler: Omit<Handler, 'invoke'>;
  readonly method: string;
  /** Of the class after which it is named. */
  readonly className: string;
  /** Whether that name may change with the build. */
  readonly isDoubtful: boolean;
  /** The classes by which it may be enqueued. */
  readonly of: readonly object[];
}

/** Whether something else than an instance of the class itself is provided as that class. */
export function isStandIn(wrapper: Wrapper): boolean {
  const token = tokenOf(wrapper);
  return wrapper.isAlias || (token !== undefined && token.prototype !== prototypeOf(wrapper));
}

/**
 * The handlers of a provider. What is provided as a class has the handlers of that class, under
 * their names: whoever enqueues knows only the class that is asked for. What is marked on the class
 * of the instance alone has its name.
 */
export function offersOf(wrapper: Wrapper): Offer[] {
  const prototype = prototypeOf(wrapper);
  const token = tokenOf(wrapper);
  const made = prototype && prototype !== Object.prototype ? classOf(prototype) : undefined;
  const own = tasksOf(prototype);
  const asked = isStandIn(wrapper) ? tasksOf(token?.prototype) : new Map<string, TaskOptions>();
  const of = [token, made].filter((each) => each !== undefined);
  const offers: Offer[] = [];
  for (const [method, options] of asked) {
    const merged = standIn(options, own.get(method), `${made?.name}.${method}`, token!.name);
    const { handler, ...rest } = offer(token!, method, merged, of);
    const origin = made ? `${handler.origin} (${made.name})` : handler.origin;
    offers.push({ ...rest, handler: { ...handler, origin } });
  }
  for (const [method, options] of own) {
    if (!asked.has(method)) offers.push(offer(made!, method, options, of));
  }
  return offers;
}

function offer(named: Class, method: string, options: TaskOptions, of: readonly object[]): Offer {
  const handler = defineHandler(named.name, method, options);
  const isNamed = options.name !== undefined;
  return {
    handler,
    method,
    className: named.name,
    isDoubtful: !isNamed && mayBeMadeUp(named.name),
    of,
  };
}

/** The policy of what runs, under the name of what is asked for. */
function standIn(
  asked: TaskOptions,
  own: TaskOptions | undefined,
  origin: string,
  className: string,
): TaskOptions {
  if (own?.name !== undefined && own.name !== asked.name) {
    throw new ConfigurationError(otherName(origin, own.name, className), 'name', own.name);
  }
  return { ...asked, ...own, name: asked.name };
}

/** Where the methods are: on the class, or on the instance that a factory made. */
export function prototypeOf({ inject, instance, metatype }: Wrapper): object | undefined {
  if (typeof metatype === 'function' && metatype.prototype && inject === null) {
    return metatype.prototype as object;
  }
  if (typeof instance === 'object' && instance !== null) {
    return (Object.getPrototypeOf(instance) as object | null) ?? undefined;
  }
  return (metatype as { prototype?: object } | null)?.prototype;
}

function tokenOf({ token }: Wrapper): Class | undefined {
  return typeof token === 'function' && token.prototype ? (token as Class) : undefined;
}

function classOf(prototype: object): Class | undefined {
  const { constructor } = prototype as { constructor?: unknown };
  return typeof constructor === 'function' ? (constructor as Class) : undefined;
}
