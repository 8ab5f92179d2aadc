import type { Backend } from '../core/backend.js';
import type { Clock } from '../core/clock.js';
import type { SitqLogger } from '../core/logger.js';
import type { Plugin } from '../core/plugin.js';
import type { HandlerRegistry } from '../core/registry.js';
import type { Serializer } from '../core/serializer.js';
import type { TaskContext } from '../core/task-context.js';
import type { WorkerOptions } from '../interfaces/worker-options.interface.js';
import type { Isolation } from './isolation/isolation.js';

/**
 * What a worker is made of; Nest provides all of it.
 *
 * @publicApi
 */
export interface WorkerParts {
  readonly backend: Backend;
  readonly registry: HandlerRegistry;
  readonly options?: WorkerOptions;
  /** @default DefaultSerializer */
  readonly serializer?: Serializer;
  /** @default a context of its own */
  readonly context?: TaskContext;
  /** @default none */
  readonly plugins?: readonly Plugin[];
  readonly logger: SitqLogger;
  /** Where handlers with `isolate: true` run. @default none: such a handler is refused */
  readonly isolation?: Isolation;
  /** @default that of the backend, else of this machine */
  readonly clock?: Clock;
}
