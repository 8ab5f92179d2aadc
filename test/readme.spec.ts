import { readFileSync } from 'node:fs';
import { createDatabase, serverKinds } from './app/databases/servers.js';
import { prove, snippetsOf } from './app/snippets.js';

const README = readFileSync('README.md', 'utf8');
const [onOneMachine = '', onMany = ''] = README.split(/^## Many machines$/m);
const [first, ...tour] = snippetsOf(onOneMachine);

test('the first example is the minimal sample', () => {
  expect(first).toBe(readFileSync('sample/02-minimal/main.ts', 'utf8'));
});

test('the tour compiles, runs and prints what its comments say', () => prove('tour', tour));

test.each(serverKinds())('so does the example for many machines, on %s', async (kind) => {
  const { url, drop } = await createDatabase(kind);
  try {
    prove('machines', snippetsOf(onMany), { DATABASE_URL: url });
  } finally {
    await drop();
  }
});
