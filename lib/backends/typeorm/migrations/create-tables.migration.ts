import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The first schema. */
export class CreateTables1763683200000 implements MigrationInterface {
  readonly name = 'CreateTables1763683200000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['sitq_progress', 'sitq_log', 'sitq_worker', 'sitq_task']) {
      await runner.query(`DROP TABLE "${table}"`);
    }
  }
}

const UP = [
  `CREATE TABLE "sitq_task" (
    "seq" integer PRIMARY KEY NOT NULL,
    "id" text NOT NULL,
    "name" text NOT NULL,
    "queue" text NOT NULL,
    "status" text NOT NULL DEFAULT ('queued'),
    "priority" integer NOT NULL DEFAULT (0),
    "eta" integer NOT NULL,
    "payload" text NOT NULL,
    "attempt" integer NOT NULL DEFAULT (0),
    "max_attempts" integer,
    "lease" integer NOT NULL DEFAULT (0),
    "worker_id" text,
    "timeout" integer,
    "backoff" text,
    "meta" text,
    "cancel_requested_at" integer,
    "created_at" integer NOT NULL,
    "started_at" integer,
    "finished_at" integer,
    "result" text,
    "error" text
  )`,
  `CREATE UNIQUE INDEX "sitq_task_id" ON "sitq_task" ("id")`,
  `CREATE INDEX "sitq_task_ready" ON "sitq_task" ("queue", "name", "priority", "eta") WHERE status = 'queued'`,
  `CREATE INDEX "sitq_task_running" ON "sitq_task" ("worker_id", "cancel_requested_at") WHERE status = 'running'`,
  `CREATE INDEX "sitq_task_finished" ON "sitq_task" ("status", "finished_at") WHERE finished_at IS NOT NULL`,
  `CREATE TABLE "sitq_worker" (
    "id" text PRIMARY KEY NOT NULL,
    "host" text NOT NULL,
    "pid" integer NOT NULL,
    "process_identity" text,
    "queues" text,
    "handlers" text NOT NULL,
    "lease" integer NOT NULL,
    "expires_at" integer NOT NULL,
    "in_flight" integer NOT NULL DEFAULT (0),
    "stuck" integer NOT NULL DEFAULT (0),
    "started_at" integer NOT NULL
  )`,
  `CREATE TABLE "sitq_log" (
    "seq" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
    "task_seq" integer NOT NULL,
    "attempt" integer NOT NULL,
    "at" integer NOT NULL,
    "line" text NOT NULL
  )`,
  `CREATE INDEX "sitq_log_task" ON "sitq_log" ("task_seq")`,
  `CREATE TABLE "sitq_progress" (
    "task_seq" integer PRIMARY KEY NOT NULL,
    "value" text NOT NULL
  )`,
];
