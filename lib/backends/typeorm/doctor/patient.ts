import type { DataSource } from 'typeorm';
import type { Dialect } from '../dialect/dialect.js';
import type { Migrator } from '../migrator.js';
import type { Inspection } from './inspection.js';

/** What a doctor examines: an open store. */
export interface Patient {
  readonly dialect: Dialect;
  readonly dataSource: DataSource;
  readonly migrator: Migrator;
  readonly inspection: Inspection;
}
