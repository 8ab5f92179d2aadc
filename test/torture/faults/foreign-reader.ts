import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { HANDLINGS, handleOwnFile } from '../../app/processes/own-file.js';
import type { Arena } from '../arena.js';
import type { Fault } from '../fault.js';

const driver = createRequire(import.meta.url).resolve('better-sqlite3');
const SCRIPT = `
  const db = new (require('${driver}'))(process.argv[1]);
  db.exec(process.argv[2]);
  db.close();`;
/** Debian's, older than the driver, does not notice that others have lost their locks. */
const hasCommand = spawnSync('sqlite3', ['--version']).status === 0;

const READ = 'SELECT count(*) FROM sitq_task';
const WRITE = 'CREATE TABLE IF NOT EXISTS visit (at); INSERT INTO visit VALUES (unixepoch())';

/**
 * Every process copies or reads its own database file, which takes away SQLite's locks, while other
 * programs open the file and close it: they take themselves for its last users, and remove the log.
 */
export const foreignReader: Fault = {
  name: 'foreign-reader',
  title: 'every process copies or reads its own file, and sqlite3 opens and closes it meanwhile',
  kinds: ['sqlite'],
  async play(arena) {
    await arena.open({ workers: 2 });
    let dead = Promise.resolve();
    await arena.cycles(async (n) => {
      await arena.pass(50, 400);
      const visits = Promise.all([visit(arena), visit(arena), visit(arena)]);
      await handleAll(arena);
      if (n % 5 === 4) {
        await dead;
        arena.kill(await arena.victim(2));
        dead = arena.startWorker().then(() => undefined);
      }
      await visits;
    });
    await dead;
    return {
      'logs removed': arena.said(/The log of the database \S+ was removed/g).length,
      'locks taken again': arena.said(/They are taken again/g).length,
    };
  },
};

/** All at about the same moment, or one of them would keep the log in its place. */
async function handleAll(arena: Arena): Promise<void> {
  const how = () => arena.pick(HANDLINGS);
  const children = [...arena.up, arena.producer()];
  await Promise.all([
    ...children.map((child) => child.ask('handleOwnFile', how())),
    handleOwnFile(arena.store.options, how()),
  ]);
}

/** Another program opens the file a moment later, and is sometimes killed. */
async function visit(arena: Arena): Promise<void> {
  const { database } = arena.store.options as { database: string };
  await arena.pass(0, 60);
  const sql = arena.between(0, 1) < 0.5 ? READ : WRITE;
  const program = hasCommand
    ? spawn('sqlite3', ['-cmd', '.timeout 5000', database, sql], { stdio: 'ignore' })
    : spawn(process.execPath, ['-e', SCRIPT, database, sql], { stdio: 'ignore' });
  const ended = once(program, 'exit');
  if (arena.between(0, 1) < 0.2) {
    await arena.pass(0, 20);
    program.kill('SIGKILL');
  }
  await ended;
}
