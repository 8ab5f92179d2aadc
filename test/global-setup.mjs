import { build } from './build.mjs';
import { compile } from './compile.mjs';

/** Specs that import the package as an application does, from `dist`. */
const OF_THE_BUILD = ['docs', 'readme', 'samples'].map((name) => `test/${name}.spec.ts`);

/**
 * Compiles what runs outside jest, and finds the database servers: once for all workers, which run
 * spec files side by side.
 */
export default async function setup({ testPathPatterns: { patterns } }) {
  const isWanted = (spec) => patterns.some((pattern) => new RegExp(pattern, 'i').test(spec));
  if (patterns.length === 0 || OF_THE_BUILD.some(isWanted)) build();
  await compile();
  const { findServers } = await import('../build/test/test/app/databases/servers.js');
  await findServers();
}
