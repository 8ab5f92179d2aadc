import {
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { isObservable } from 'rxjs';
import { Backend } from '../core/backend.js';
import { DefaultSerializer } from '../core/default-serializer.js';
import { PayloadCodec } from '../core/payload-codec.js';
import { readArgs } from '../core/read-args.js';
import { HandlerRegistry } from '../core/registry.js';
import { TaskContext } from '../core/task-context.js';
import type { SitqOptions } from '../interfaces/sitq-options.interface.js';
import { ISOLATED_APP, SITQ_OPTIONS } from '../sitq.constants.js';
import {
  type AbortOrder,
  type RunNews,
  type RunOrder,
  type ThreadEnd,
  type ThreadModule,
} from '../worker/isolation/crossing.js';
import { packError, unpackError } from '../worker/isolation/crossing-error.js';
import { lastValueOf } from '../worker/observable-result.js';
import { unkeptResult } from '../worker/unkept-result.js';
import { RunTransactions } from '../worker/run-transactions.js';
import { TaskRun } from '../worker/task-run.js';
import { GatheredReports } from './gathered-reports.js';
import { moduleOf } from './module-of.js';

/** The application of a thread, and the runs in it. */
export class IsolatedApp {
  private readonly codec: PayloadCodec;

  static async boot({ module: file, export: name }: ThreadModule): Promise<IsolatedApp> {
    const module = moduleOf((await import(file)) as Record<string, unknown>, name);
    const app = await NestFactory.createApplicationContext(rootOf(module), {
      logger: ['error', 'warn'], // that it boots is no news; what its handlers log is
      abortOnError: false,
    });
    app.useLogger(['error', 'warn', 'log', 'debug', 'verbose', 'fatal']);
    return new IsolatedApp(app);
  }

  private constructor(private readonly app: INestApplicationContext) {
    const { serializer = new DefaultSerializer() } = app.get<SitqOptions>(SITQ_OPTIONS, {
      strict: false,
    });
    this.codec = new PayloadCodec(serializer);
  }

  /** The names of its handlers. */
  names(): string[] {
    return this.registry.names();
  }

  /** Runs a handler and tells all of it through the port. */
  async run({ port, reserved, startedAt, workerId }: RunOrder): Promise<void> {
    const tell = (news: RunNews) => port.postMessage(news);
    const backend = this.app.get(Backend, { strict: false });
    const reports = new GatheredReports((report) => tell({ kind: 'report', report }));
    const run = new TaskRun(reserved, this.registry.get(reserved.name)!, startedAt, {
      workerId,
      codec: this.codec,
      transactions: new RunTransactions(backend, this.codec),
      onReport: reports.add,
    });
    port.on('message', ({ abort }: AbortOrder) => run.abort(unpackError(abort)));
    tell({ kind: 'began' });
    const { error, text } = await run.within(() => this.perform(run));
    await Promise.all(run.joined);
    reports.flush(run);
    const { completion, snoozeDelay: snooze } = run;
    const completed = completion && { text: completion.text };
    tell({ kind: 'end', end: { text, error, snooze, completion: completed } });
    port.close();
  }

  close(): Promise<void> {
    return this.app.close();
  }

  private async perform(run: TaskRun): Promise<Pick<ThreadEnd, 'text' | 'error'>> {
    let value: unknown;
    try {
      const args = readArgs(run.reserved.payload, this.codec);
      const context = this.app.get(TaskContext, { strict: false });
      value = await context.enter(run, async () => {
        const returned = await run.handler.invoke(args);
        return isObservable(returned) ? lastValueOf(returned, run) : returned;
      });
    } catch (error) {
      return { text: null, error: packError(error) };
    }
    try {
      const text = value === undefined ? null : this.codec.encode('result', value);
      return { text, error: undefined };
    } catch (error) {
      return { text: null, error: packError(unkeptResult(error), 'DoNotRetryError') };
    }
  }

  private get registry(): HandlerRegistry {
    return this.app.get(HandlerRegistry, { strict: false });
  }
}

/** Tells the application of the thread from one that its file boots itself. */
@Module({})
class IsolatedRoot {}

function rootOf(module: Type): DynamicModule {
  const providers = [{ provide: ISOLATED_APP, useValue: true }];
  return {
    module: IsolatedRoot,
    global: true,
    imports: [module],
    providers,
    exports: [ISOLATED_APP],
  };
}
