import type { EntityManager } from 'typeorm';

/** Whether a value is an EntityManager, of whatever copy of TypeORM. */
export function isEntityManager(value: unknown): value is EntityManager {
  if (typeof value !== 'object' || value === null) return false;
  return (value as { '@instanceof'?: unknown })['@instanceof'] === Symbol.for('EntityManager');
}
