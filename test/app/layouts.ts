import {
  Controller,
  forwardRef,
  Global,
  Injectable,
  Module,
  type DynamicModule,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SitqModule, Task, type SitqOptions } from 'nestjs-sitq';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What happens in an application, in order. */
export class Steps {
  readonly all: string[] = [];

  /** A hook that lets go of the event loop before it ends. */
  async hook(phase: string, name: string): Promise<void> {
    this.all.push(`${phase} of ${name} begins`);
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    this.all.push(`${phase} of ${name} ends`);
  }

  /** The places of what matches. */
  places(pattern: RegExp): number[] {
    return this.all.flatMap((step, place) => (pattern.test(step) ? [place] : []));
  }
}

/** A handler that is held up by a test, in any kind of class. */
export interface Held {
  readonly begun: () => void;
  readonly mayEnd: Promise<void>;
}

/** Classes whose hooks are asynchronous and noted. */
export class Parts {
  readonly steps = new Steps();

  constructor(
    readonly options: SitqOptions,
    private readonly held: Held,
  ) {}

  /** A provider with every hook. */
  hooked(name: string): Type {
    @Injectable()
    class Provider extends this.withHooks(name) {}
    return Provider;
  }

  private withHooks(name: string): Type {
    const { steps } = this;
    return class {
      onModuleInit = () => steps.hook('init', name);
      onApplicationBootstrap = () => steps.hook('bootstrap', name);
      onModuleDestroy = () => steps.hook('destroy', name);
      beforeApplicationShutdown = () => steps.hook('before', name);
      onApplicationShutdown = () => steps.hook('shutdown', name);
    };
  }

  /** The same with the handler of the task `held`. */
  handlers(name: string): Type {
    const { steps, held } = this;
    @Injectable()
    class Handlers extends this.withHooks(name) {
      @Task({ name: 'held' })
      async run(): Promise<void> {
        steps.all.push('run begins');
        held.begun();
        await held.mayEnd;
        for (let turn = 0; turn < 3; turn += 1) await nextTurn();
        steps.all.push('run ends');
      }
    }
    return Handlers;
  }

  /** A module that has hooks itself, and providers that have. */
  module(name: string, metadata: ModuleMetadata = {}): Type {
    const { providers = [] } = metadata;
    @Module({ ...metadata, providers: [this.hooked(`${name}'s provider`), ...providers] })
    class Feature extends this.withHooks(`module ${name}`) {}
    return Feature;
  }

  sitq(): DynamicModule {
    return SitqModule.forRoot(this.options);
  }
}

/** Modules of an application: what its root imports and provides. */
export type Layout = (parts: Parts) => ModuleMetadata;

const typeorm = () => TypeOrmModule.forRoot({ type: 'better-sqlite3', database: ':memory:' });

/** Layouts of modules in which people have SitqModule, by name. */
export const LAYOUTS: Readonly<Record<string, Layout>> = {
  'handlers in the root module': (parts) => ({
    imports: [parts.sitq()],
    providers: [parts.handlers('root'), parts.hooked('beside')],
  }),
  'a feature before': (parts) => ({
    imports: [parts.module('feature', { providers: [parts.handlers('handlers')] }), parts.sitq()],
  }),
  'a feature after': (parts) => ({
    imports: [parts.sitq(), parts.module('feature', { providers: [parts.handlers('handlers')] })],
  }),
  'features in features': (parts) => {
    const inner = parts.module('inner', { providers: [parts.handlers('handlers')] });
    const middle = parts.module('middle', { imports: [inner] });
    return { imports: [parts.sitq(), parts.module('outer', { imports: [middle] })] };
  },
  'a feature that two others share': (parts) => {
    const shared = parts.module('shared', { providers: [parts.handlers('handlers')] });
    const one = parts.module('one', { imports: [shared] });
    const other = parts.module('other', { imports: [parts.module('deep', { imports: [shared] })] });
    return { imports: [one, parts.sitq(), other, shared] };
  },
  'a global module': (parts) => {
    const feature = parts.module('global', { providers: [parts.handlers('handlers')] });
    Global()(feature);
    return { imports: [parts.sitq(), feature], providers: [parts.hooked('root')] };
  },
  'a dynamic module': (parts) => {
    const module = parts.module('dynamic');
    const providers = [parts.handlers('handlers')];
    return { imports: [{ module, providers }, parts.sitq()], providers: [parts.hooked('root')] };
  },
  'a dynamic module that is global': (parts) => {
    const module = parts.module('dynamic');
    const providers = [parts.handlers('handlers')];
    return { imports: [parts.sitq(), { module, providers, global: true }] };
  },
  'sitq in a feature only': (parts) => ({
    imports: [
      parts.module('with sitq', { imports: [parts.sitq()] }),
      parts.module('feature', { providers: [parts.handlers('handlers')] }),
    ],
    providers: [parts.hooked('root')],
  }),
  'sitq deep down': (parts) => {
    const inner = parts.module('inner', { imports: [parts.sitq()] });
    const middle = parts.module('middle', { imports: [inner] });
    return {
      imports: [parts.module('outer', { imports: [middle] })],
      providers: [parts.handlers('handlers')],
    };
  },
  'modules in a circle': (parts) => {
    const circle: { other?: Type } = {};
    const one = parts.module('one', {
      imports: [forwardRef(() => circle.other!), parts.sitq()],
      providers: [parts.handlers('handlers')],
    });
    circle.other = parts.module('other', { imports: [forwardRef(() => one)] });
    return { imports: [one, circle.other], providers: [parts.hooked('root')] };
  },
  'options from a factory': (parts) => ({
    imports: [
      SitqModule.forRootAsync({
        imports: [parts.module('config')],
        useFactory: async () => (await nextTurn(), parts.options),
      }),
    ],
    providers: [parts.handlers('root')],
  }),
  'handlers in a controller': (parts) => {
    const controller = parts.handlers('controller');
    Controller()(controller);
    return { imports: [parts.sitq()], controllers: [controller] };
  },
  'handlers from a factory': (parts) => {
    const handlers = parts.handlers('handlers');
    const useFactory = async () => (await nextTurn(), new handlers() as object);
    return {
      imports: [parts.sitq(), parts.module('feature')],
      providers: [{ provide: 'handlers', useFactory }],
    };
  },
  'TypeOrmModule before': (parts) => ({
    imports: [typeorm(), parts.sitq()],
    providers: [parts.handlers('root')],
  }),
  'TypeOrmModule after': (parts) => ({
    imports: [parts.sitq(), typeorm()],
    providers: [parts.handlers('root')],
  }),
  'a module that is loaded lazily': (parts) => {
    const lazy = parts.module('lazy');
    @Injectable()
    class Loader {
      constructor(private readonly loader: LazyModuleLoader) {}
      async onModuleInit(): Promise<void> {
        await this.loader.load(() => lazy);
      }
    }
    return { imports: [parts.sitq()], providers: [Loader, parts.handlers('root')] };
  },
  'SitqModule without forRoot in features': (parts) => ({
    imports: [
      parts.module('one', { imports: [SitqModule] }),
      parts.sitq(),
      parts.module('other', { imports: [SitqModule], providers: [parts.handlers('handlers')] }),
    ],
  }),
};
