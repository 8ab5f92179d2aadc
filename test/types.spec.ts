import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const file = join(root, 'test/types/api.types.ts');

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);

/** What the compiler says about the assertions, once they are changed. */
function complaints(change: (source: string) => string): string[] {
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  host.readFile = (path) => {
    const text = read(path);
    return path === file && text !== undefined ? change(text) : text;
  };
  const program = ts.createProgram({ rootNames: [file], options, host, oldProgram: last });
  last = program;
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(file))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
let last: ts.Program | undefined;

test('the compiler infers and refuses what it should', () => {
  expect(complaints((source) => source)).toEqual([]);
});

test.each([
  ['a wrong inference', 'TaskHandle<Receipt>>', 'TaskHandle<Date>>', `Type 'TaskHandle<Date>'`],
  ['a line that it should refuse', 'mail.goodbye()', 'mail.count()', 'Unused'],
])('it complains about %s', (_, right, wrong, complaint) => {
  const change = (source: string) => source.replace(right, wrong);
  expect(complaints(change)).toEqual([expect.stringContaining(complaint)]);
});
