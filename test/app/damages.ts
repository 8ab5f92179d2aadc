import type { StoreKind } from './databases/kinds.js';

/** Another order of columns; without the condition. */
const OTHER_ORDER = [
  'DROP INDEX sitq_task_finished',
  'CREATE INDEX sitq_task_finished ON sitq_task (finished_at, status) WHERE finished_at IS NOT NULL',
];
const WHOLE = [
  'DROP INDEX sitq_task_running',
  'CREATE INDEX sitq_task_running ON sitq_task (worker_id)',
];

const MYSQL = [
  ['DROP INDEX sitq_task_ready ON sitq_task'],
  [
    'DROP INDEX sitq_task_finished ON sitq_task',
    'CREATE INDEX sitq_task_finished ON sitq_task (finished_at, status)',
  ],
  ['ALTER TABLE sitq_task ADD COLUMN note text'],
  ['ALTER TABLE sitq_task DROP COLUMN meta'],
  ['ALTER TABLE sitq_task MODIFY priority int NOT NULL DEFAULT 0'],
  ['DROP TABLE sitq_progress'],
];

/** What administrators do to the tables of sitq: statements, by kind of store. */
export const DAMAGES: Readonly<Record<StoreKind, string[][]>> = {
  sqlite: [
    ['DROP INDEX sitq_task_ready'],
    OTHER_ORDER,
    WHOLE,
    ['ALTER TABLE sitq_task ADD COLUMN note text'],
    ['ALTER TABLE sitq_task DROP COLUMN meta'],
    ['DROP TABLE sitq_progress'],
  ],
  postgres: [
    ['DROP INDEX sitq_task_ready'],
    OTHER_ORDER,
    WHOLE,
    ['CREATE INDEX mine ON sitq_task (created_at)'],
    ['ALTER TABLE sitq_task ADD COLUMN note text'],
    ['ALTER TABLE sitq_task DROP COLUMN meta'],
    ['ALTER TABLE sitq_task ALTER COLUMN priority TYPE integer'],
    ['ALTER TABLE sitq_task ALTER COLUMN name TYPE text COLLATE "default"'],
    ['ALTER TABLE sitq_task ALTER COLUMN status DROP DEFAULT'],
    ['ALTER TABLE sitq_task ALTER COLUMN payload DROP NOT NULL'],
    ['DROP TABLE sitq_progress'],
  ],
  mysql: MYSQL,
  mariadb: MYSQL,
};
