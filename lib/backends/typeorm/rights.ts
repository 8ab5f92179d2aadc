import type { TableName } from './table-names.js';

export type Right = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';

/** What a process does with each table once the tables are there. It changes none of them. */
export const RIGHTS: Readonly<Record<TableName, readonly Right[]>> = {
  task: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  worker: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  log: ['SELECT', 'INSERT', 'DELETE'],
  progress: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  migration: ['SELECT'],
};
