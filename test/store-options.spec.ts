import { ConfigurationError, TypeOrmBackend, type TypeOrmBackendOptions } from 'nestjs-sitq';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { readStoreSettings } from '../lib/backends/typeorm/store-settings.js';
import { runCli } from './app/run-cli.js';
import { startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempDirectory, tempFile } from './app/temp-file.js';
import { tempStore } from './app/temp-store.js';

function refusal(options: object): ConfigurationError {
  try {
    void new TypeOrmBackend(options as TypeOrmBackendOptions);
  } catch (error) {
    return error as ConfigurationError;
  }
  throw new Error(`It is not refused: ${JSON.stringify(options)}`);
}

describe('the file of a store', () => {
  test.each([
    ['x.db', resolve('x.db')],
    ['./a b/x.db', resolve('a b/x.db')],
    ['/data/x.db', '/data/x.db'],
    ['file:x.db', resolve('x.db')],
    ['file:./x.db', resolve('x.db')],
    ['file:../x.db', resolve('../x.db')],
    ['file:/data/x.db', '/data/x.db'],
    ['file:///data/a%20b.db', '/data/a b.db'],
    ['FILE://localhost/data/x.db', '/data/x.db'],
    ['sqlite:x.db', resolve('x.db')],
    ['sqlite://x.db', resolve('x.db')],
    ['sqlite:///data/x.db', '/data/x.db'],
    ['sqlite3:x.db', resolve('x.db')],
    ['~/x.db', join(homedir(), 'x.db')],
    ['file:~/x.db', join(homedir(), 'x.db')],
    ['~x.db', resolve('~x.db')],
    ['a/~/x.db', resolve('a/~/x.db')],
    ['tasks:v1?.db', resolve('tasks:v1?.db')],
    ['100%.db', resolve('100%.db')],
    [':memory:', ':memory:'],
    ['sqlite::memory:', ':memory:'],
  ])('%p is %p', (database, place) => {
    expect(new TypeOrmBackend({ database }).database).toBe(place);
  });

  test.each([
    ['file:./x.db?mode=ro', 'has parameters, which are not read'],
    ['file::memory:?cache=shared', 'has parameters, which are not read'],
    ['file://host/x.db', 'names a host'],
    ['file:', 'names no file'],
    ['~', 'names no file'],
    ['~ann/x.db', `is below another user's home`],
    ['libsql://host/x', 'is a URL, which is for the option url'],
    ['postgres://ann:secret@host/x', 'is a URL, which is for the option url'],
    [' x.db', 'begins or ends with white space'],
    ['x.db\r', 'begins or ends with white space'],
    ['data/', 'ends as the name of a folder does'],
    ['undefined/x.db', `has 'undefined' in it, where a variable was to be`],
    ['/data/undefined.sqlite', `has 'undefined.sqlite' in it, where a variable was to be`],
    ['$DATA/x.db', `has '$DATA' in it, where a variable was to be`],
    ['${DATA}/x.db', `has '\${DATA}' in it, where a variable was to be`],
    ['%APPDATA%\\x.db', `has '%APPDATA%' in it, where a variable was to be`],
  ])('%p cannot be meant', (database, why) => {
    const error = refusal({ database });
    expect(error).toMatchObject({
      code: 'SITQ_CONFIGURATION',
      option: 'database',
      value: database,
    });
    expect(error.message).toContain(`, which ${why}. Give the path of a file, or ':memory:'.`);
    expect(error.message).not.toContain('secret');
  });

  test('makes no folder of the name of a scheme', async () => {
    const file = tempFile();
    const backend = new TypeOrmBackend({ database: `file:${file}` });
    await backend.open();
    await backend.close();
    expect(existsSync(file)).toBe(true);
    expect(readdirSync('.').filter((name) => /^(file|sqlite):/.test(name))).toEqual([]);
  });

  test('is the same to the command', async () => {
    const folder = tempDirectory();
    for (const scheme of ['file:', 'sqlite:', 'sqlite://']) {
      const { code, err } = await runCli(['migrate'], `${scheme}${folder}/x.db`);
      expect({ code, err }).toEqual({ code: 0, err: '' });
    }
    expect(readdirSync(folder).filter((name) => !name.includes('-'))).toEqual(['x.db']);
  });
});

test.each(stores())('where tasks are is said at boot: on %s', async (kind) => {
  const { options } = await tempStore(kind);
  const place = 'url' in options ? options.url.replace(/^.*@/, '') : options.database;
  const { lines } = await startApp([], { ...options, worker: false });
  expect(lines.ofSitq).toEqual([`log Tasks are in ${place} [Sitq]`]);
});

describe('the parameters of a URL', () => {
  const read = (url: string, more: object = {}) => {
    const { connection, schema, listen } = readStoreSettings('forRoot', { url, ...more });
    return { ...connection, schema, listen };
  };

  test('that say what an option says are that option', () => {
    const prisma = 'postgresql://ann@host:5/db?schema=tasks&connection_limit=3&pgbouncer=true';
    expect(read(prisma)).toMatchObject({
      url: 'postgresql://ann@host:5/db',
      schema: 'tasks',
      poolSize: 3,
      listen: false,
    });
    expect(read(prisma, { poolSize: 4, listen: true, schema: 'tasks' })).toMatchObject({
      poolSize: 4,
      listen: true,
    });
    expect(read('postgres://host/db?connect_timeout=7')).toMatchObject({ connectTimeoutMS: 7000 });
    expect(
      read('mysql://host/db?connection_limit=3&connect_timeout=7&charset=utf8mb4'),
    ).toMatchObject({ url: 'mysql://host/db', poolSize: 3, connectTimeout: 7000 });
  });

  test('that PostgreSQL has are left to its driver', () => {
    const url = 'postgres://host/db?sslmode=require&options=-c%20a%3Db&application_name=x';
    expect(read(url)).toMatchObject({ url });
    expect(read(`${url}&schema=s&channel_binding=require`)).toMatchObject({
      url: `${url}&channel_binding=require`,
      schema: 's',
    });
    const odd = 'postgres://ann:what?ever@host/db';
    expect(read(odd, { type: 'postgres' })).toMatchObject({ url: odd });
  });

  test.each<[url: string, more: object, message: RegExp]>([
    ['postgres://h/d?schema=a-b', {}, /url has schema=a-b\. Give a name that begins with a letter/],
    ['postgres://h/d?schema=a', { schema: 'b' }, /url has schema=a\. Give one schema, there or as/],
    [
      'postgres://h/d?pool_timeout=1',
      {},
      /has the parameter pool_timeout, which nobody would read/,
    ],
    [
      'postgres://h/d?currentSchema=a',
      {},
      /parameter currentSchema, .*PostgreSQL has schema for it/,
    ],
    ['postgres://h/d?connection_limit=none', {}, /has connection_limit=none\. Correct it\./],
    ['postgres://h/d?pgbouncer=1', {}, /has pgbouncer=1\. Correct it\./],
    ['postgres://h/d?sslaccept=strict', {}, /parameter sslaccept, .* give the option ssl\./],
    ['mysql://h/d?schema=a', {}, /parameter schema, .*MySQL the database itself/],
    ['mysql://h/d?ssl={"rejectUnauthorized":true}', {}, /parameter ssl, .* give the option ssl\./],
    ['mariadb://h/d?socket=/run/x', {}, /parameter socket, .* option socketPath\./],
    ['mysql://h/d?charset=latin1', {}, /has charset=latin1\. Correct it\./],
    ['mysql://h/d?constructor=1', {}, /parameter constructor, which nobody would read/],
  ])('%s with %j is refused', (url, more, message) => {
    expect(refusal({ url, ...more }).message).toMatch(message);
  });

  if (stores().includes('postgres')) {
    test('schema is where the tables are', async () => {
      const store = await tempStore('postgres');
      const { url } = store.options as { url: string };
      const backend = new TypeOrmBackend({ url: `${url}?schema=tasks` });
      await backend.open();
      await backend.close();
      expect(await runCli(['doctor', '--url', `${url}?schema=tasks`])).toMatchObject({ err: '' });
      const sql = await store.sql();
      expect(
        await sql.query(`SELECT schemaname FROM pg_tables WHERE tablename = 'sitq_task'`),
      ).toEqual([{ schemaname: 'tasks' }]);
      await sql.close();
    });
  }
});
