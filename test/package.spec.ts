import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const REPOSITORY = resolve(import.meta.dirname, '..');
const NOT_CLONED = [
  'node_modules',
  'dist',
  'build',
  'coverage',
  '.git',
  'sample/01-thumbnails/out',
];

/** What `npm pack --json` tells of a package. */
interface Packed {
  readonly filename: string;
  readonly files: { readonly path: string; readonly mode: number }[];
}

let folder: string;
let packed: Packed;
let tarball: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sitq-package-'));
  packed = await packClone(join(folder, 'clone'));
  tarball = join(folder, packed.filename);
  await install(join(folder, 'consumer', 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Packs a copy of the sources the way a release does: the build is part of it. */
async function packClone(clone: string): Promise<Packed> {
  const left = new Set(NOT_CLONED.map((name) => join(REPOSITORY, name)));
  cpSync(REPOSITORY, clone, { recursive: true, filter: (path) => !left.has(path) });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(clone, 'node_modules'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: clone,
  });
  return (JSON.parse(stdout.slice(stdout.indexOf('['))) as [Packed])[0]; // after what the build says
}

async function unpack(modules: string): Promise<string> {
  const target = join(modules, 'nestjs-sitq');
  mkdirSync(target, { recursive: true });
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', target]);
  return target;
}

/** Unpacks the tarball beside the packages that it declares, and no others. */
async function install(modules: string): Promise<void> {
  const target = await unpack(modules);
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(target, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  for (const name of ['@types/node', ...Object.keys({ ...dependencies, ...peerDependencies })]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(REPOSITORY, 'node_modules', name), join(modules, name));
  }
}

/** What npm links to when it installs the package. */
function command(consumer: string): string {
  const target = join(folder, consumer, 'node_modules', 'nestjs-sitq');
  const { bin } = JSON.parse(readFileSync(join(target, 'package.json'), 'utf8')) as {
    bin: { sitq: string };
  };
  return join(target, bin.sitq);
}

test('holds the build, the documents and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/testing/index.js',
      'dist/testing/index.d.ts',
    ]),
  );
  const documents = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
  const build = /^dist\/[\w/.-]+\.(js|d\.ts)$/;
  expect(paths.filter((path) => !documents.test(path) && !build.test(path))).toEqual([]);
  expect(paths.filter((path) => /\.spec\.|tsbuildinfo/.test(path))).toEqual([]);
});

/** An application in plain JavaScript that runs one task. */
const APPLICATION = `
  class GreetTasks {
    greet(name) {
      return 'Hello ' + name;
    }
  }
  const method = Object.getOwnPropertyDescriptor(GreetTasks.prototype, 'greet');
  Task()(GreetTasks.prototype, 'greet', method);
  class AppModule {}
  Module({
    imports: [SitqModule.forRoot({ database: ':memory:' })],
    providers: [GreetTasks],
  })(AppModule);
  async function main() {
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const handle = await app.get(TaskQueue).for(GreetTasks).greet('Ann');
    console.log(await handle.result({ timeout: '50s' }));
    await app.close();
  }
`;

test.each([
  [
    'import',
    'main.mjs',
    `import { Module } from '@nestjs/common';
     import { NestFactory } from '@nestjs/core';
     import { SitqModule, Task, TaskQueue } from 'nestjs-sitq';
     ${APPLICATION}
     await main();`,
  ],
  [
    'require',
    'main.cjs',
    `const { Module } = require('@nestjs/common');
     const { NestFactory } = require('@nestjs/core');
     const { SitqModule, Task, TaskQueue } = require('nestjs-sitq');
     ${APPLICATION}
     void main();`,
  ],
])('runs a task when loaded by %s', async (_how, file, source) => {
  expect(await runScript(file, source)).toBe('Hello Ann\n');
});

test.each([
  ['import', 'testing.mjs', `import { backendConformance } from 'nestjs-sitq/testing';`],
  ['require', 'testing.cjs', `const { backendConformance } = require('nestjs-sitq/testing');`],
])('offers its conformance suite by %s', async (_how, file, source) => {
  expect(await runScript(file, `${source} console.log(typeof backendConformance);`)).toBe(
    'function\n',
  );
});

test('brings the command sitq', async () => {
  const link = join(folder, 'consumer', 'node_modules', '.bin', 'sitq');
  mkdirSync(dirname(link));
  symlinkSync(command('consumer'), link);
  const options = { cwd: join(folder, 'consumer') };
  const store = ['--database', 'cli.sqlite'];
  expect((await run(link, ['migrate', ...store], options)).stdout).toMatch(/^applied  Create/);
  expect((await run(link, ['doctor', ...store], options)).stdout).toMatch(/^ok +migrations/m);
  expect((await run(link, ['schema', '--type', 'postgres'], options)).stdout).toMatch(/CREATE/);
  const version = readFileSync(join(REPOSITORY, 'package.json'), 'utf8');
  const { stdout } = await run(link, ['--version'], options);
  expect((JSON.parse(version) as { version: string }).version).toBe(stdout.trim());
});

describe('where nothing optional is installed', () => {
  const consumer = 'without-options';
  const OPTIONAL = new Set(['pg', 'mysql2', '@nestjs-cls']);

  beforeAll(async () => {
    const modules = join(folder, consumer, 'node_modules');
    await unpack(modules);
    for (const name of readdirSync(join(REPOSITORY, 'node_modules'))) {
      if (OPTIONAL.has(name)) continue;
      symlinkSync(join(REPOSITORY, 'node_modules', name), join(modules, name));
    }
  });

  /** Modules count as being where the links to them are, so that the repository's are not found. */
  function runHere(...args: string[]) {
    const flags = ['--preserve-symlinks', '--preserve-symlinks-main', '--no-warnings'];
    return run(process.execPath, [...flags, ...args], { cwd: join(folder, consumer) });
  }

  const MISSING = [
    ['pg', 'postgres://127.0.0.1/db'],
    ['mysql2', 'mysql://127.0.0.1/db'],
  ];

  test.each(MISSING)('boot tells to install %s', async (name, url) => {
    const script = join(folder, consumer, 'boot.mjs');
    writeFileSync(
      script,
      `import { TypeOrmBackend } from 'nestjs-sitq';
       await new TypeOrmBackend({ url: '${url}' }).open().catch((error) => console.log(String(error)));`,
    );
    const { stdout } = await runHere(script);
    expect(stdout).toMatch(new RegExp(`^ConfigurationError: .*Run: npm install ${name}\n$`));
  });

  test.each(MISSING)('the command tells to install %s', async (name, url) => {
    const failed = runHere(command(consumer), 'migrate', '--url', url);
    await expect(failed).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(`^error: .*Run: npm install ${name}\n$`)) as string,
    });
  });

  test('boot tells to install a transaction host', async () => {
    const script = join(folder, consumer, 'join.mjs');
    writeFileSync(
      script,
      `import 'reflect-metadata';
       import { NestFactory } from '@nestjs/core';
       import { SitqModule } from 'nestjs-sitq';
       const sitq = SitqModule.forRoot({ database: ':memory:', transactions: 'join' });
       const options = { logger: false, abortOnError: false };
       await NestFactory.createApplicationContext(sitq, options).catch((error) => console.log(String(error)));
       process.exit();`,
    );
    const { stdout } = await runHere(script);
    expect(stdout).toMatch(
      /^ConfigurationError: .*Run: npm install @nestjs-cls\/transactional @nestjs-cls\/transactional-adapter-typeorm nestjs-cls\n$/,
    );
  });

  test('the command needs none to print a schema', async () => {
    const { stdout } = await runHere(command(consumer), 'schema', '--type', 'postgres');
    expect(stdout).toMatch(/CREATE TABLE/);
  });
});

test('has types that need no package but those it declares', async () => {
  const path = join(folder, 'consumer', 'main.ts');
  writeFileSync(
    path,
    `import { SitqModule, type TaskHandle } from 'nestjs-sitq';
     import { backendConformance } from 'nestjs-sitq/testing';
     export const result = (handle: TaskHandle<number>): Promise<number> => handle.result();
     export const used = [SitqModule.forRoot(), backendConformance];`,
  );
  const options = '--noEmit --strict --module nodenext --target es2022 --types node';
  const { stdout } = await runBin('tsc', ...options.split(' '), path).catch(
    (error: { stdout: string }) => error, // it may dislike the types of others
  );
  expect(stdout.split('\n').filter((line) => /^error|nestjs-sitq|main\.ts/.test(line))).toEqual([]);
});

test('publint finds nothing', async () => {
  const { stdout } = await runBin('publint', 'run', tarball, '--strict');
  expect(stdout).toMatch(/All good/);
});

test('arethetypeswrong finds nothing', async () => {
  const { stdout } = await runBin('attw', tarball, '--profile', 'esm-only'); // else it exits with 1
  expect(stdout).toContain('"nestjs-sitq/testing"');
});

/** What a script of the consumer prints. */
async function runScript(file: string, source: string): Promise<string> {
  const path = join(folder, 'consumer', file);
  writeFileSync(path, source);
  const { stdout } = await run(process.execPath, ['--no-warnings', path]);
  return stdout;
}

function runBin(name: string, ...args: string[]) {
  const bin = join(REPOSITORY, 'node_modules', '.bin', name);
  return run(process.execPath, [bin, ...args], { cwd: join(folder, 'consumer') });
}
