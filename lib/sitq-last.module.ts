import {
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { placeModule } from './place-module.js';
import { SitqLifecycle } from './sitq.lifecycle.js';

/** Its bootstrap hooks come after those of all other modules; see {@link SitqLifecycle}. */
@Module({})
export class SitqLastModule
  implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  constructor(
    modules: ModulesContainer,
    private readonly lifecycle: SitqLifecycle,
  ) {
    placeModule(modules, SitqLastModule, -Infinity);
  }

  onApplicationBootstrap(): Promise<void> {
    return this.lifecycle.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.lifecycle.drain();
  }

  onApplicationShutdown(): Promise<void> {
    return this.lifecycle.leave(this);
  }
}
