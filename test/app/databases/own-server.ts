import { spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabaseOn, type TestDatabase } from './databases.js';
import { freePort } from './free-port.js';
import { GuardedProcess, type ServerUser } from './guarded-process.js';
import type { ServerKind } from './kinds.js';
import { connect } from './sql.js';

/** How a kind of server is run. */
export interface ServerRecipe {
  readonly kind: ServerKind;
  readonly user: ServerUser;
  /** Superuser without a password. */
  readonly login: string;
  /** Fills the empty folder. */
  readonly initialise: (folder: string) => readonly string[];
  readonly run: (folder: string, port: number) => readonly string[];
  readonly stop: NodeJS.Signals;
  /** Ends it without letting it finish anything. */
  readonly crash: 'SIGQUIT' | 'SIGKILL';
}

/** Where a server lives. */
export interface Home {
  /** A folder. With one, whatever the server has acknowledged survives a power cut of its disk. */
  readonly disk?: string;
  /** More environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

const PREFIX = 'sitq-server-';
const LONGEST_START = 30_000;
const LONGEST_RUN = 3_600_000;

/** A server of our own in a temporary folder, on a port that stays the same over restarts. */
export class OwnServer {
  private process: GuardedProcess | undefined;

  static async start(recipe: ServerRecipe, home: Home = {}): Promise<OwnServer> {
    const { disk = tmpdir(), env } = home;
    const folder = mkdtempSync(join(disk, PREFIX));
    const { uid, gid } = recipe.user;
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    const server = new OwnServer(recipe, folder, await freePort(), env);
    try {
      const [command, ...args] = recipe.initialise(folder);
      const { status, stderr, error } = spawnSync(command!, args, { ...recipe.user, cwd: '/' });
      if (status !== 0) throw new Error(`${command} failed: ${String(error ?? stderr).trim()}`);
      await server.start();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Removes the folders of runs that were killed. */
  static removeLeftovers(): void {
    for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(PREFIX))) {
      const folder = join(tmpdir(), name);
      const { birthtimeMs = Date.now() } = statSync(folder, { throwIfNoEntry: false }) ?? {};
      if (Date.now() - birthtimeMs > LONGEST_RUN) rmSync(folder, { recursive: true, force: true });
    }
  }

  private constructor(
    private readonly recipe: ServerRecipe,
    private readonly folder: string,
    readonly port: number,
    private readonly env: Home['env'],
  ) {}

  get kind(): ServerKind {
    return this.recipe.kind;
  }

  /** URL of the server, for its superuser. */
  get url(): string {
    const { kind, login } = this.recipe;
    const database = kind === 'postgres' ? 'postgres' : '';
    return `${kind}://${login}@127.0.0.1:${this.port}/${database}`;
  }

  /** Process id of the server; none while it is stopped. */
  get pid(): number | undefined {
    return this.process?.pid;
  }

  createDatabase(): Promise<TestDatabase> {
    return createDatabaseOn(this.kind, this.url);
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { crash, run, user } = this.recipe;
    const signal = crash === 'SIGQUIT' ? 'QUIT' : 'KILL';
    const { env, log } = this;
    const how = { user, log, signal, env } as const;
    this.process = await GuardedProcess.start(run(this.folder, this.port), how);
    if (await this.comesUp(this.process)) return;
    throw new Error(`The server did not start:\n${readFileSync(log, 'utf8').slice(-2000)}`);
  }

  /** Starts it again where it has ended, or ends now, by itself. Resolves when it answers. */
  async revive(): Promise<void> {
    if (!this.process || !(await this.comesUp(this.process))) await this.start();
  }

  /** Ends it in order; what is connected is cut off. */
  stop(): Promise<void> {
    return this.end(this.recipe.stop);
  }

  /** Ends it at once, so that the next start has to recover. */
  crash(): Promise<void> {
    return this.end(this.recipe.crash);
  }

  /** Ends it and removes its data. */
  async close(): Promise<void> {
    await this.crash();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get log(): string {
    return join(this.folder, 'log');
  }

  /** Whether it answers in time. */
  private async comesUp(process: GuardedProcess): Promise<boolean> {
    const giveUpAt = Date.now() + LONGEST_START;
    while (!(await this.answers())) {
      if (!process.alive || Date.now() > giveUpAt) return false;
      await sleep(20);
    }
    return true;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    this.process?.kill(signal);
    await this.process?.exit;
    this.process = undefined;
  }

  private async answers(): Promise<boolean> {
    try {
      const sql = await connect(this.kind, this.url);
      await sql.close();
      return true;
    } catch {
      return false;
    }
  }
}
