import { Injectable, type Type } from '@nestjs/common';
import { Task } from 'nestjs-sitq';
import type { StoreKind } from './app/databases/kinds.js';
import type { Sql } from './app/databases/sql.js';
import { eventually } from './app/eventually.js';
import { Gate } from './app/gate.js';
import { startApp } from './app/start-app.js';
import { stores } from './app/stores.js';
import { tempStore } from './app/temp-store.js';

const SOON = { timeout: '50s' } as const;

function workBehind(gates: Gate[]): Type {
  @Injectable()
  class Work {
    @Task()
    async hold(): Promise<string> {
      const gate = new Gate();
      gates.push(gate);
      await gate.opened;
      return 'held';
    }
  }
  return Work;
}

describe.each(stores())('when %s refuses every claim for a reason that nobody foresaw', (kind) => {
  let sql: Sql;
  let options: object;
  beforeEach(async () => {
    const store = await tempStore(kind);
    options = store.options;
    sql = await store.sql();
  });
  afterEach(() => sql.close());

  test('what has run is stored all the same, and what waits runs later', async () => {
    const gates: Gate[] = [];
    const app = await startApp([workBehind(gates)], { ...options, worker: { concurrency: 1 } });
    const [first, second] = [
      await app.queue.enqueue('Work.hold'),
      await app.queue.enqueue('Work.hold'),
    ];
    await eventually(async () => gates.length === 1);
    await sql.run(...REFUSE_CLAIMS[kind]);
    gates[0]!.open(); // its end and the next claim are one transaction
    expect(await first.result(SOON)).toBe('held');
    await eventually(async () =>
      app.lines.ofSitq.some((line) => line.includes('cannot claim tasks')),
    );
    expect(await second.status()).toBe('queued');
    await sql.run(...CEASE[kind]);
    await eventually(async () => gates.length === 2);
    gates[1]!.open();
    expect(await second.result(SOON)).toBe('held');
    expect(await app.queue.getTask(second.id)).toMatchObject({ attempt: 1 });
    await app.close();
  });
});

const ON_MYSQL = [
  `CREATE TRIGGER no_claims BEFORE UPDATE ON sitq_task FOR EACH ROW BEGIN
     IF new.status = 'running' AND old.status = 'queued' THEN
       SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no claims today';
     END IF;
   END`,
];

const REFUSE_CLAIMS: Readonly<Record<StoreKind, readonly string[]>> = {
  sqlite: [
    `CREATE TRIGGER no_claims BEFORE UPDATE ON sitq_task
       WHEN new.status = 'running' AND old.status = 'queued'
     BEGIN SELECT RAISE(ABORT, 'no claims today'); END`,
  ],
  postgres: [
    `CREATE FUNCTION no_claims() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'no claims today'; END $$`,
    `CREATE TRIGGER no_claims BEFORE UPDATE ON sitq_task FOR EACH ROW
       WHEN (new.status = 'running' AND old.status = 'queued') EXECUTE FUNCTION no_claims()`,
  ],
  mysql: ON_MYSQL,
  mariadb: ON_MYSQL,
};

const CEASE: Readonly<Record<StoreKind, readonly string[]>> = {
  sqlite: ['DROP TRIGGER no_claims'],
  postgres: ['DROP TRIGGER no_claims ON sitq_task'],
  mysql: ['DROP TRIGGER no_claims'],
  mariadb: ['DROP TRIGGER no_claims'],
};
