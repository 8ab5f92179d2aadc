import type { LoggerService, ModuleMetadata, Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { SitqModule, TaskQueue, WorkerHost, type SitqOptions } from 'nestjs-sitq';

/** Keeps what Nest logs, so that tests are quiet and can look. */
export class Lines implements LoggerService {
  readonly all: string[] = [];
  log = this.keep('log');
  warn = this.keep('warn');
  error = this.keep('error');
  debug = this.keep('debug');
  verbose = this.keep('verbose');
  fatal = this.keep('fatal');

  /** What sitq itself has logged, each line with its level. */
  get ofSitq(): string[] {
    return this.all.filter((line) => line.endsWith(' [Sitq]'));
  }

  private keep(level: string) {
    return (message: unknown, ...rest: unknown[]) => {
      const context = rest.pop();
      const parts = [level, message, ...rest, `[${String(context)}]`];
      this.all.push(parts.filter((part) => part !== undefined).join(' '));
    };
  }
}

/** A running application. */
export class TestApp {
  private closing: Promise<void> | undefined;

  constructor(
    readonly module: TestingModule,
    readonly lines: Lines,
  ) {}

  get queue(): TaskQueue {
    return this.module.get(TaskQueue);
  }

  get worker(): WorkerHost {
    return this.module.get(WorkerHost, { strict: false });
  }

  /** Once: up to version 11 Nest calls the hooks again at each call. */
  close(): Promise<void> {
    this.closing ??= this.module.close();
    return this.closing;
  }
}

const running = new Set<TestApp>();

/**
 * Starts a real Nest application with these handlers, on a database in memory unless the options
 * say otherwise. It is closed after the test.
 */
export async function startApp(
  handlers: Provider[],
  options: SitqOptions = {},
  more: ModuleMetadata = {},
): Promise<TestApp> {
  const { imports = [], ...rest } = more;
  const { worker } = options;
  const sitq = SitqModule.forRoot({
    ...(isStoreGiven(options) ? options : { ...options, database: ':memory:' }),
    // A handler that a failed test left waiting must not hold up the rest.
    worker: worker === false ? false : { shutdownTimeout: '1s', ...worker },
  });
  return startModule({ imports: [sitq, ...imports], providers: handlers, ...rest });
}

function isStoreGiven(options: SitqOptions): boolean {
  return ['backend', 'database', 'url', 'type', 'dataSource'].some((name) => name in options);
}

/** Starts a real Nest application of any shape. It is closed after the test. */
export async function startModule(metadata: ModuleMetadata): Promise<TestApp> {
  const app = await compileModule(metadata);
  try {
    await app.module.init();
  } catch (error) {
    await app.close().catch(() => undefined); // up to version 11 it fails as the boot did
    throw error;
  }
  running.add(app);
  return app;
}

/** The same, to be initialised and closed by the caller. */
export async function compileModule(metadata: ModuleMetadata): Promise<TestApp> {
  const lines = new Lines();
  const module = await Test.createTestingModule(metadata).setLogger(lines).compile();
  return new TestApp(module, lines);
}

afterEach(async () => {
  const apps = [...running];
  running.clear();
  await Promise.all(apps.map((app) => app.close()));
});
