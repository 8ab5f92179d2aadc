import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** In memory, of this machine alone, and empty after a boot. */
const FOLDER = '/dev/shm';

/**
 * Shows, for as long as this machine runs, that a worker was started on it: nothing else that a
 * process has tells it from those of a clone of the machine. Where no mark can be left its end is
 * noticed by its silence only.
 */
export function leaveMark(workerId: string): void {
  try {
    writeFileSync(markOf(workerId), '', { mode: 0o600 });
  } catch {
    // no such folder, or not ours to write
  }
}

/** Whether the worker was started on this machine, or on the one that it was cloned from. */
export function hasMark(workerId: string): boolean {
  return existsSync(markOf(workerId));
}

export function removeMark(workerId: string): void {
  try {
    rmSync(markOf(workerId), { force: true });
  } catch {
    // another user's: it goes with the machine
  }
}

/** Any text may be the id of a worker. */
function markOf(workerId: string): string {
  return join(FOLDER, `sitq-${encodeURIComponent(workerId)}`);
}
