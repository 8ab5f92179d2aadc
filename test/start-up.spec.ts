import { build } from 'esbuild';
import { symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serverKinds } from './app/databases/servers.js';
import { eventually } from './app/eventually.js';
import { processFile } from './app/processes/child.js';
import type { Receipt, WorkerConfig } from './app/processes/protocol.js';
import { Scene } from './app/processes/scene.js';
import { createStore } from './app/stores.js';

const LEASE = 1000;

/** As large as what traces an application: more than the heap of the heartbeat thread. */
const BALLAST = 'globalThis.ballast = Array.from({ length: 1_500_000 }, (_, i) => ({ i }));';

type Start = (scene: Scene) => Partial<WorkerConfig> | Promise<Partial<WorkerConfig>>;

function written(scene: Scene, name: string, text: string): string {
  writeFileSync(scene.path(name), text);
  return scene.path(name);
}

/** The process in one file, beside which its packages are found. */
async function bundled(scene: Scene, kind: string, format: 'esm' | 'cjs'): Promise<string> {
  const outfile = scene.path(format === 'esm' ? `${kind}.mjs` : `${kind}.cjs`);
  symlinkSync(resolve('node_modules'), scene.path('node_modules'));
  await build({
    entryPoints: [processFile(kind)],
    outfile,
    format,
    bundle: true,
    platform: 'node',
    packages: 'external',
    minify: true,
    keepNames: true,
    logLevel: 'error',
  });
  return outfile;
}

/** A runner that compiles what is required while it is loaded. */
function onTheFly(scene: Scene, kind: string): Partial<WorkerConfig> {
  const file = written(scene, 'entry.cjs', `require(${JSON.stringify(processFile(kind))});`);
  return { file, execArgv: ['--require', resolve('node_modules/tsx/dist/cjs/index.cjs')] };
}

const STARTS: Record<string, Start> = {
  '-r': (scene) => ({ execArgv: ['-r', written(scene, 'ballast.cjs', BALLAST)] }),
  'NODE_OPTIONS=--require': (scene) => ({
    env: { NODE_OPTIONS: `--require ${written(scene, 'ballast.cjs', BALLAST)}` },
  }),
  '--import': (scene) => ({
    execArgv: ['--import', pathToFileURL(written(scene, 'ballast.mjs', BALLAST)).href],
  }),
  'a bundle of ESM': async (scene) => ({ file: await bundled(scene, 'worker', 'esm') }),
  'a bundle of CommonJS': async (scene) => ({ file: await bundled(scene, 'worker', 'cjs') }),
  'compiled on the fly': (scene) => onTheFly(scene, 'worker'),
  'options that threads refuse': () => ({
    execArgv: ['--max-old-space-size=400', '--expose-gc', '--title=worker'],
    env: { NODE_OPTIONS: '--stack-trace-limit=20 --dns-result-order=ipv4first' },
  }),
};

const rows = [
  ...Object.keys(STARTS).map((how) => ['sqlite', how] as const),
  ...serverKinds().flatMap((kind) =>
    ['NODE_OPTIONS=--require', 'a bundle of CommonJS'].map((how) => [kind, how] as const),
  ),
];

let scene: Scene | undefined;
afterEach(() => scene?.close());

describe('a handler that blocks the event loop for several leases runs once', () => {
  test.each(rows)('on %s, started with %s', async (kind, how) => {
    scene = new Scene(await createStore(kind));
    const queue = await scene.queue();
    const sql = await scene.connect();
    const more = await STARTS[how]!(scene);
    const options = { lease: LEASE, pollInterval: 100 };
    const busy = await scene.worker('busy', options, more).ready();
    const expiry = async () => {
      const [row] = await sql.query<{ expires_at: number }>(
        `SELECT expires_at FROM sitq_worker WHERE pid = ${busy.pid}`,
      );
      return Number(row?.expires_at);
    };
    const gate = scene.path('gate');
    const task = await queue.enqueue<Receipt>('ProcessTasks.block', [gate]);
    await busy.handler('start', task.id);
    await scene.worker('second', options).ready();
    const first = await expiry();
    await eventually(async () => (await expiry()) > first + 3 * LEASE, 60_000);
    writeFileSync(gate, '');
    expect(await task.result({ timeout: '60s' })).toMatchObject({ worker: 'busy', lease: 1 });
    expect(busy.output).not.toContain('heartbeat thread of');
  });
});

describe('isolated handlers', () => {
  const file = (name: string) => pathToFileURL(resolve(name)).href;
  const bootsItself = `
    import { NestFactory } from ${JSON.stringify(file('node_modules/@nestjs/core/index.js'))};
    import { SitqModule } from ${JSON.stringify(file('build/test/lib/index.js'))};
    const sitq = SitqModule.forRoot({ database: ':memory:' });
    await NestFactory.createApplicationContext(sitq, { logger: false, abortOnError: false });
    export class AppModule {}`;

  test.each([
    ['boots an application', 'module.mjs', 256, bootsItself, 'boots an application of its own'],
    [
      'lacks its loader',
      'module.ts',
      256,
      'export class A { a: number = 1 }',
      'name the compiled file',
    ],
    ['needs more memory', 'module.mjs', 32, BALLAST, 'Raise isolation.maxHeap of 32 MB'],
  ])('are refused at boot when their file %s', async (_what, name, maxHeap, source, remedy) => {
    scene = new Scene();
    const module = written(scene, name, source);
    const worker = scene.isolated('isolated', { isolation: { module, maxHeap } });
    expect(await worker.exit).toMatchObject({ code: 1 });
    expect(worker.output).toContain('ConfigurationError');
    expect(worker.output).toContain(remedy);
  });

  test('are refused at boot in a bundle', async () => {
    scene = new Scene();
    const bundle = await bundled(scene, 'isolated', 'esm');
    const module = processFile('isolated');
    const worker = scene.isolated('isolated', { isolation: { module } }, { file: bundle });
    expect(await worker.exit).toMatchObject({ code: 1 });
    expect(worker.output).toContain('Leave nestjs-sitq and @nestjs/* out of the bundle');
  });
});
