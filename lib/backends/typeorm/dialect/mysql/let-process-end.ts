import type { Pool, PoolConnection } from 'mysql2';
import type { Socket } from 'node:net';

/** An idle connection does not keep its process alive, as `allowExitOnIdle` has it for `pg`. */
export function letProcessEnd(pool: Pool): void {
  pool.on('acquire', (connection) => socketOf(connection).ref());
  pool.on('release', (connection) => socketOf(connection).unref());
}

function socketOf(connection: PoolConnection): Socket {
  return (connection as unknown as { stream: Socket }).stream;
}
