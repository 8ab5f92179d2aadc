import {
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { placeModule } from './place-module.js';
import { SitqLifecycle } from './sitq.lifecycle.js';

/** Its bootstrap hooks come before those of all other modules; see {@link SitqLifecycle}. */
@Module({})
export class SitqFirstModule implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  constructor(
    modules: ModulesContainer,
    private readonly lifecycle: SitqLifecycle,
  ) {
    placeModule(modules, SitqFirstModule, Infinity);
  }

  onModuleInit(): void {
    this.lifecycle.explore();
  }

  onModuleDestroy(): Promise<void> {
    return this.lifecycle.drain();
  }

  onApplicationShutdown(): Promise<void> {
    return this.lifecycle.leave(this);
  }
}
