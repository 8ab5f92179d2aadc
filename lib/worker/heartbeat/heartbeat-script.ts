/**
 * What the thread does, as text: a function would have to be turned into text first, and bundlers
 * and runners put helpers of theirs into functions. It needs no file but the driver.
 *
 * As long as the event loop turns, the thread only looks at numbers. When the loop has stood still,
 * once or again and again, and the worker has not renewed its lease for half of it, the thread
 * extends the registration in its place, until it has stood still for `maxBlocked`.
 */
export const HEARTBEAT_SCRIPT = `'use strict';
const { existsSync, readdirSync, readlinkSync, statSync, writeSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');

const { beat, lease, maxBlocked, words, workerId } = workerData;
/** Loaded at once: whether it can be is to be known before it is needed. */
const driver = require(beat.driver);
/** For an answer, in ms: the next connection may reach a server that gives one. */
const patience = Math.max(1000, Math.ceil(lease / 6));
let turns = 0;
let turnedAt = performance.now();
let renewals = 0;
let keptAt = performance.now();
let isSlow = false;
let isLetGo = false;
let isBeating = false;
let isFailing = false;
let line;
/** better-sqlite3 12 may end the process when one is collected. */
const kept = [];

setInterval(() => {
  const now = performance.now();
  look(now);
  const still = now - turnedAt;
  isSlow ||= still >= lease / 6;
  if (still > maxBlocked) letGo(still);
  else if (isSlow && now - keptAt >= lease / 2 && !isBeating) void extend(now);
}, lease / 12);
parentPort.postMessage('ready');

function look(now) {
  const [turn, renewal] = [Atomics.load(words, 0), Atomics.load(words, 2)];
  if (turn !== turns) [turns, turnedAt, isLetGo] = [turn, now, false];
  if (renewal !== renewals) [renewals, keptAt, isSlow] = [renewal, now, false];
}

function letGo(still) {
  if (!isLetGo) say('has stood still for ' + Math.round(still / 1000) + ' s; its lease is let go');
  isLetGo = true;
}

async function extend(now) {
  isBeating = true;
  try {
    line ??= await connect();
    Atomics.add(words, 1, await line.extend());
    keptAt = now;
    isFailing = false;
  } catch (error) {
    drop(line);
    if (!isFailing) say('stands still, and its lease could not be extended: ' + error);
    isFailing = true;
  }
  isBeating = false;
}

function drop(broken) {
  if (line === broken) line = undefined;
  broken?.close();
}

function values() {
  return beat.takesTime ? [Date.now(), workerId] : [workerId];
}

/** Each line tells how many registrations it has extended: none when it was taken away. */
async function connect() {
  if (beat.kind === 'better-sqlite3') return connectSqlite();
  return beat.kind === 'pg' ? connectPostgres() : connectMysql();
}

function connectSqlite() {
  const { file, inode, timeout } = beat.connection;
  // Open for a moment only: the worker may have to close every connection of this process.
  const extendOnce = async () => {
    checkFile(file, inode);
    const database = new driver(file, { timeout, fileMustExist: true });
    try {
      const statement = database.prepare(beat.statement);
      kept.push(statement);
      return statement.run(...values()).changes;
    } finally {
      database.close();
    }
  };
  return { extend: extendOnce, close: () => undefined };
}

/**
 * A connection beside one whose log was removed would use that one's index with another log, and
 * one to a file that was put in the place of this one is of no use.
 */
function checkFile(file, inode) {
  if (statSync(file).ino !== inode) throw new Error(file + ' was replaced by another file');
  for (const name of existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd') : []) {
    let target = '';
    try {
      target = readlinkSync('/proc/self/fd/' + name);
    } catch {
      continue; // closed by now
    }
    if ([file + '-wal (deleted)', file + '-shm (deleted)'].includes(target)) {
      throw new Error('the log of ' + file + ' was removed');
    }
  }
}

async function connectPostgres() {
  const limits = { connectionTimeoutMillis: patience, query_timeout: patience };
  const client = new driver.Client({ ...beat.connection, ...limits });
  const own = {
    extend: async () => (await client.query(beat.statement, values())).rowCount ?? 0,
    close: () => {
      cancel(client, new driver.Client(beat.connection));
      client.end().catch(() => undefined);
    },
  };
  client.on('error', () => drop(own));
  await client.connect();
  return own;
}

async function connectMysql() {
  const connection = await driver.createConnection({ ...beat.connection, connectTimeout: patience });
  const wait = Math.floor(patience / 1000);
  await connection.query(
    'SET SESSION innodb_lock_wait_timeout = ' + wait + ', lock_wait_timeout = ' + wait,
  );
  const query = { sql: beat.statement, timeout: patience };
  const own = {
    extend: async () => {
      const [{ affectedRows }] = await connection.query(query, values());
      return affectedRows;
    },
    close: () => connection.destroy(),
  };
  connection.on('error', () => drop(own));
  return own;
}

/** What is given up may wait for a lock on the server, which sees no closed connection then. */
function cancel({ processID, secretKey, host, port }, { connection }) {
  if (processID === null) return;
  const end = () => connection.stream.destroy();
  connection.on('connect', () => connection.cancel(processID, secretKey));
  connection.on('end', end);
  connection.on('error', end);
  setTimeout(end, patience);
  if (host.startsWith('/')) connection.connect(host + '/.s.PGSQL.' + port);
  else connection.connect(port, host);
}

/** Past the console, which needs the event loop that stands still. */
function say(what) {
  writeSync(2, '[Sitq] The event loop of worker ' + workerId + ' ' + what + '.\\n');
}
`;
