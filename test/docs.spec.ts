import { readdirSync, readFileSync } from 'node:fs';
import { prove, snippetsOf } from './app/snippets.js';

const PAGES = readdirSync('docs').filter((name) => name.endsWith('.md'));

/** A page whose snippets are no TypeScript has nothing to run. */
const programs = PAGES.map((name) => ({
  name,
  snippets: snippetsOf(readFileSync(`docs/${name}`, 'utf8')),
})).filter(({ snippets }) => snippets.length > 0);

describe('the snippets of a page are one program', () => {
  test.each(programs)('that prints what its comments say: $name', ({ name, snippets }) => {
    prove(name.replace(/\.md$/, ''), snippets);
  });
});
