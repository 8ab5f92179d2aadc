import { compile } from './compile.mjs';

/** Compiles what runs outside jest, and finds the database servers for all workers. */
export default async function setup() {
  await compile();
  const { findServers } = await import('../build/test/test/app/databases/servers.js');
  await findServers();
}
