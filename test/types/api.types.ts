import { expectTypeOf } from 'expect-type';
import {
  Backend,
  DoNotRetryError,
  SitqError,
  SitqModule,
  Task,
  TaskContext,
  TaskFailedError,
  TaskQueue,
  type Outcome,
  type Plugin,
  type Result,
  type SitqOptions,
  type TaskCounts,
  type TaskHandle,
  type TaskStatus,
  type WorkerInfo,
} from 'nestjs-sitq';
import { backendConformance, type ConformanceCase } from 'nestjs-sitq/testing';
import type { Observable } from 'rxjs';
import type { DataSource, EntityManager } from 'typeorm';

/*
 * What the compiler must infer, and what it must refuse. Nothing here runs: `types.spec.ts`
 * compiles it, and a line under `@ts-expect-error` that compiles is an error, too.
 */

interface Receipt {
  readonly number: number;
}

abstract class Mail {
  constructor(
    protected readonly run: TaskContext,
    readonly footer: string,
  ) {}

  abstract welcome(to: string, copies?: number): Promise<Receipt>;
  abstract count(): number;
  abstract nothing(): void;
  abstract follow(id: string): Observable<'sent' | 'read'>;
  abstract followLater(): Promise<Observable<Date>>;
  abstract all(...to: string[]): Promise<string[]>;
  private secret(): void {}
  protected hidden = (): void => this.secret();
}

declare const queue: TaskQueue;
declare const run: TaskContext;
declare const dataSource: DataSource;
declare const manager: EntityManager;

export async function theTypedForm(): Promise<void> {
  const mail = queue.for(Mail);
  expectTypeOf(mail.welcome).parameters.toEqualTypeOf<[to: string, copies?: number]>();
  expectTypeOf(await mail.welcome('ann')).toEqualTypeOf<TaskHandle<Receipt>>();
  expectTypeOf(await mail.count()).toEqualTypeOf<TaskHandle<number>>();
  expectTypeOf(await mail.nothing()).toEqualTypeOf<TaskHandle<void>>();
  expectTypeOf(await mail.follow('1')).toEqualTypeOf<TaskHandle<'sent' | 'read'>>();
  expectTypeOf(await mail.followLater()).toEqualTypeOf<TaskHandle<Date>>();
  expectTypeOf(await mail.all('ann', 'bob')).toEqualTypeOf<TaskHandle<string[]>>();

  // @ts-expect-error an argument is missing
  mail.welcome();
  // @ts-expect-error of another type
  mail.welcome(5);
  // @ts-expect-error one too many
  mail.welcome('ann', 1, 2);
  // @ts-expect-error no such method
  mail.goodbye();
  // @ts-expect-error not a method
  mail.footer();
  // @ts-expect-error not public
  mail.secret();
  // @ts-expect-error not public
  mail.hidden();
  // @ts-expect-error a handle must be awaited
  void mail.count().id;
  // @ts-expect-error no class
  queue.for({ welcome: () => 1 });
}

export async function enqueueing(): Promise<void> {
  const handle = await queue.enqueue(Mail, 'welcome', ['ann', 2], { delay: '5m' });
  expectTypeOf(handle).toEqualTypeOf<TaskHandle<Receipt>>();
  expectTypeOf(await queue.enqueue('Mail.welcome', ['ann'])).toEqualTypeOf<TaskHandle<unknown>>();
  expectTypeOf(await queue.enqueue<Receipt>('any')).toEqualTypeOf<TaskHandle<Receipt>>();

  // @ts-expect-error no such method
  queue.enqueue(Mail, 'goodbye', []);
  // @ts-expect-error an argument is missing
  queue.enqueue(Mail, 'welcome', []);
  // @ts-expect-error of another type
  queue.enqueue(Mail, 'welcome', [5]);
  // @ts-expect-error arguments are an array
  queue.enqueue('Mail.welcome', 'ann');

  // @ts-expect-error no such option
  queue.for(Mail, { dely: '5m' });
  // @ts-expect-error no duration
  queue.for(Mail, { delay: '5 minutes' });
  // @ts-expect-error no date
  queue.for(Mail, { eta: '2030-01-01' });
  // @ts-expect-error no number
  queue.for(Mail, { priority: 'high' });
  // @ts-expect-error a function belongs on @Task()
  queue.for(Mail, { backoff: () => 5 });
  // @ts-expect-error no strings
  queue.for(Mail, { meta: { tenant: 5 } });
  queue.for(Mail, { backoff: { type: 'exponential', base: '1s', jitter: 'none' }, timeout: '30s' });
}

export async function enqueueingMany(): Promise<void> {
  function* people(): Generator<[string, number]> {
    yield ['ann', 1];
  }
  async function* later(): AsyncGenerator<[string]> {
    yield ['ann'];
  }
  expectTypeOf(await queue.enqueueMany(Mail, 'welcome', people())).toEqualTypeOf<number>();
  await queue.enqueueMany(Mail, 'welcome', later(), { chunkSize: 10, priority: 1 });
  await queue.enqueueMany(Mail, 'welcome', [['ann'], ['bob', 2]], {
    id: ([to], index) => `${to.toUpperCase()}:${index.toFixed()}`,
    onChunk: (ids) => expectTypeOf(ids).toEqualTypeOf<string[]>(),
  });

  // @ts-expect-error of another type
  queue.enqueueMany(Mail, 'welcome', [[5]]);
  // @ts-expect-error not a list of lists
  queue.enqueueMany('Mail.welcome', ['ann']);
  // @ts-expect-error one id for many
  queue.enqueueMany('Mail.welcome', [], { id: 'mine' });
}

export async function transactions(): Promise<void> {
  const { id } = await queue.for(Mail, { manager, delay: '5m' }).welcome('ann');
  expectTypeOf(id).toEqualTypeOf<string>();
  await queue.enqueue('Mail.welcome', ['ann'], { manager });
  await queue.enqueue(Mail, 'welcome', ['ann'], { manager: null });
  await queue.enqueueMany(Mail, 'welcome', [['ann']], { manager, chunkSize: 10 });
  expectTypeOf(await queue.transaction(async (inner) => inner)).toEqualTypeOf<EntityManager>();
  // @ts-expect-error nothing is awaited
  await queue.transaction(() => 'done');
  expectTypeOf(await run.complete(manager, { any: 'value' })).toEqualTypeOf<void>();
  expectTypeOf(await run.complete(manager)).toEqualTypeOf<void>();
  expectTypeOf(await run.fence(manager)).toEqualTypeOf<void>();

  // @ts-expect-error not a manager
  queue.for(Mail, { manager: dataSource });
  // @ts-expect-error not a manager
  queue.enqueueMany(Mail, 'welcome', [], { manager: dataSource.createQueryRunner() });
  // @ts-expect-error the manager is missing
  run.complete({ any: 'value' });
  // @ts-expect-error the manager is missing
  run.fence();
}

export async function results(handle: TaskHandle<Receipt>): Promise<void> {
  expectTypeOf(await handle.result()).toEqualTypeOf<Receipt>();
  expectTypeOf(await handle.result({ timeout: '10s' })).toEqualTypeOf<Receipt>();
  expectTypeOf(await handle.status()).toEqualTypeOf<TaskStatus>();
  expectTypeOf(await handle.cancel()).toEqualTypeOf<TaskStatus>();
  expectTypeOf(queue.handle('1')).toEqualTypeOf<TaskHandle<unknown>>();
  expectTypeOf(queue.handle<Receipt>('1')).toEqualTypeOf<TaskHandle<Receipt>>();
  expectTypeOf(await queue.getTask('1')).toEqualTypeOf<Task | null>();
  expectTypeOf(await queue.counts()).toEqualTypeOf<TaskCounts>();

  // Only a wait that may end early can be in vain.
  expectTypeOf(await queue.getResult('1')).toEqualTypeOf<Result>();
  expectTypeOf(await queue.getResult('1', { timeout: 0 })).toEqualTypeOf<Result | null>();
  const result = await queue.getResult('1');
  expectTypeOf(queue.deserializeResult(result)).toEqualTypeOf<unknown>();
  expectTypeOf(result.status).toEqualTypeOf<'pending' | 'success' | 'failed' | 'cancelled'>();

  // @ts-expect-error no duration
  handle.result({ timeout: 'soon' });
  // @ts-expect-error a task is read-only
  (await queue.getTask('1'))!.status = 'completed';
}

export class Handlers {
  @Task({
    name: 'welcome',
    attempts: 5,
    backoff: (attempt, error, task) => {
      expectTypeOf(attempt).toEqualTypeOf<number>();
      expectTypeOf(error).toEqualTypeOf<Error>();
      expectTypeOf(task).toEqualTypeOf<Task>();
      return attempt > 3 ? false : '5s';
    },
    retryIf: (error, { meta }) => error instanceof DoNotRetryError && meta['tenant'] === 'a',
  })
  welcome(): void {
    expectTypeOf(run.task).toEqualTypeOf<Task>();
    expectTypeOf(run.signal).toEqualTypeOf<AbortSignal>();
    expectTypeOf(run.attempt).toEqualTypeOf<number>();
    expectTypeOf(run.lastAttempt).toEqualTypeOf<boolean>();
    expectTypeOf(run.snooze('5m')).toEqualTypeOf<never>();
  }

  // @ts-expect-error no such option
  @Task({ retries: 5 })
  misspelt(): void {}

  // @ts-expect-error no duration
  @Task({ timeout: 'soon' })
  vague(): void {}

  // @ts-expect-error not a method
  @Task()
  property = 5;
}

export function options(): void {
  SitqModule.forRoot();
  SitqModule.forRoot({ database: ':memory:', durability: 'relaxed', worker: { lease: '1m' } });
  SitqModule.forRoot({ worker: false });
  SitqModule.forRootAsync({ useFactory: () => ({ database: 'a.sqlite' }) });
  SitqModule.forRootAsync({
    inject: ['FILE'],
    useFactory: async (database: string) => ({ database }),
  });

  SitqModule.forRoot({ dataSource });
  SitqModule.forRoot({ dataSource: 'default', tablePrefix: 'shop_', transactions: 'join' });
  SitqModule.forRoot({ transactions: () => undefined });
  SitqModule.forRoot({ dataSource, transactions: () => dataSource.manager });
  SitqModule.forRootAsync({ useFactory: () => ({ dataSource, transactions: 'explicit' }) });

  // @ts-expect-error no such way
  SitqModule.forRoot({ transactions: 'always' });
  // @ts-expect-error no manager
  SitqModule.forRoot({ transactions: () => dataSource });
  // @ts-expect-error a factory has the DataSource itself
  SitqModule.forRootAsync({ useFactory: () => ({ dataSource: 'default' }) });

  class Options {
    createSitqOptions(): SitqOptions {
      return {};
    }
  }
  SitqModule.forRootAsync({ useClass: Options });
  SitqModule.forRootAsync({ useExisting: Options });

  // @ts-expect-error no such option
  SitqModule.forRoot({ file: 'a.sqlite' });
  // @ts-expect-error neither false nor options
  SitqModule.forRoot({ worker: true });
  // @ts-expect-error no such level
  SitqModule.forRoot({ durability: 'some' });
  // @ts-expect-error no such worker option
  SitqModule.forRoot({ worker: { threads: 5 } });
  // @ts-expect-error the factory returns no options
  SitqModule.forRootAsync({ useFactory: () => 'a.sqlite' });
  // @ts-expect-error the class makes no options
  SitqModule.forRootAsync({ useClass: Date });
}

export function errors(error: SitqError, failure: TaskFailedError): void {
  expectTypeOf(error.code).toEqualTypeOf<string>();
  expectTypeOf<TaskFailedError['code']>().toEqualTypeOf<'SITQ_TASK_FAILED'>();
  expectTypeOf(failure.errorName).toEqualTypeOf<string>();
  expectTypeOf(failure.errorStack).toEqualTypeOf<string | null>();
  expectTypeOf<TaskFailedError>().toExtend<Error>();
  // @ts-expect-error only its subclasses are raised
  throw new SitqError('x');
}

export const plugin: Plugin = {
  name: 'onlooker',
  beforeEnqueue: (draft) => {
    draft.priority += 1;
    // @ts-expect-error the id is given
    draft.id = 'mine';
  },
  aroundRun: async (task, next) => {
    expectTypeOf(task).toEqualTypeOf<Task>();
    return next();
  },
  afterSettle: (_task, outcome) => {
    expectTypeOf(outcome).toEqualTypeOf<Outcome>();
    if (outcome.kind === 'retry') expectTypeOf(outcome.eta).toEqualTypeOf<number>();
  },
  tick: (now) => {
    expectTypeOf(now).toEqualTypeOf<Date>();
  },
};

// @ts-expect-error eight methods are missing
export class Lazy extends Backend {}

export function conformance(create: () => Backend): void {
  expectTypeOf(backendConformance(create)).toEqualTypeOf<ConformanceCase[]>();
  backendConformance(create, {
    peer: (backend) => (expectTypeOf(backend).toEqualTypeOf<Backend>(), backend),
  });
}

export async function whyATaskDoesNotRun(): Promise<unknown> {
  expectTypeOf(await queue.workers()).toEqualTypeOf<readonly WorkerInfo[]>();
  const why = await queue.explain('1');
  expectTypeOf(why.text).toEqualTypeOf<string>();
  expectTypeOf(why.state).toEqualTypeOf<'waiting' | 'running' | 'ended'>();
  // @ts-expect-error only of a task that waits
  void why.reason;
  if (why.state === 'running') expectTypeOf(why.since).toEqualTypeOf<Date>();
  if (why.state !== 'waiting') return undefined;
  // @ts-expect-error not with every reason
  void why.until;
  switch (why.reason) {
    case 'eta':
      return expectTypeOf(why.until).toEqualTypeOf<Date>();
    case 'retry':
      return expectTypeOf(why.error.message).toEqualTypeOf<string>();
    case 'no-worker':
      return expectTypeOf(why.missing).toEqualTypeOf<'worker' | 'handler' | 'queue'>();
    case 'behind':
    case 'handler-limit':
      return expectTypeOf(why.ahead).toEqualTypeOf<number>();
    case 'slots':
    case 'ready':
      return expectTypeOf(why.workers).toEqualTypeOf<readonly WorkerInfo[]>();
    case 'blocked':
      return undefined;
    default:
      return expectTypeOf(why).toEqualTypeOf<never>();
  }
}
