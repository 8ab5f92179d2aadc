import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import ts from 'typescript';

/** The TypeScript snippets of a page, in order. */
export function snippetsOf(page: string): string[] {
  return [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
}

/** One program of all snippets: imports first, each name once. */
function program(snippets: string[]): string {
  const imports = new Map<string, Set<string>>();
  const bodies = snippets.map((snippet) =>
    snippet.replaceAll(
      /^import \{([^}]*)\} from '([^']+)';\n/gm,
      (_, names: string, from: string) => {
        const known = imports.get(from) ?? new Set();
        for (const name of names.split(',')) known.add(name.trim().replace(/^type /, ''));
        imports.set(from, known);
        return '';
      },
    ),
  );
  const header = [...imports].map(
    ([from, names]) => `import { ${[...names].join(', ')} } from '${from}';`,
  );
  return [...header, ...bodies].join('\n');
}

/** Compiles into `build/readme`, where imports resolve as in an application. */
function compile(name: string, source: string): string {
  const file = resolve(`build/readme/${name}.ts`);
  ts.sys.createDirectory(resolve('build'));
  ts.sys.createDirectory(resolve('build/readme'));
  ts.sys.writeFile(file, source);
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...JSON.parse(readFileSync('tsconfig.json', 'utf8')).compilerOptions, noEmit: false },
    '.',
  );
  const compiled = ts.createProgram([file], {
    ...options,
    paths: {},
    rootDir: resolve('build/readme'),
    outDir: resolve('build/readme'),
    noUnusedLocals: false,
    noUnusedParameters: false,
    isolatedModules: false,
  });
  const problems = ts.getPreEmitDiagnostics(compiled);
  compiled.emit();
  const host = {
    getCanonicalFileName: (path: string) => path,
    getCurrentDirectory: () => '.',
    getNewLine: () => '\n',
  };
  expect(ts.formatDiagnostics(problems, host)).toBe('');
  return file.replace(/ts$/, 'js');
}

/** Runs the snippets as one program and compares what it prints with its comments. */
export function prove(name: string, snippets: string[], env: NodeJS.ProcessEnv = {}): void {
  const source = program(snippets);
  const expected = [...source.matchAll(/^(?:.*console\.log|await audited).*; \/\/ (.*)$/gm)].map(
    ([, text]) => text,
  );
  expect(expected).not.toEqual([]);
  const run = spawnSync(process.execPath, [compile(name, source)], {
    cwd: mkdtempSync(join(tmpdir(), 'sitq-readme-')),
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 120_000,
  });
  expect(run.stderr).toBe('');
  expect(run.stdout.trimEnd().split('\n')).toEqual(expected);
  expect(run.status).toBe(0);
}
