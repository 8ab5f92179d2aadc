import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where a process runs, and what tells it from every other one there. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Boot, pid namespace and start time; null where the system does not tell (not Linux). */
  readonly identity: string | null;
}

/** The identity of this process. */
export function currentProcess(): ProcessIdentity {
  const space = pidSpace();
  const birth = birthOf(process.pid);
  const identity = space === null || birth === null ? null : `${space}/${birth}`;
  return { host: hostname(), pid: process.pid, identity };
}

/**
 * Whether a process is certainly gone, so that its tasks need not wait for the lease to run out.
 * Only a process of the same boot and the same pid namespace can be judged; every doubt is a no.
 */
export function isProcessGone(other: ProcessIdentity): boolean {
  const space = pidSpace();
  if (space === null || !other.identity?.startsWith(`${space}/`)) return false;
  const birth = birthOf(other.pid);
  if (birth !== null) return `${space}/${birth}` !== other.identity;
  return !isAnswering(other.pid);
}

/** Whether a signal could be sent, or is merely forbidden: then /proc may be hidden from us. */
function isAnswering(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function pidSpace(): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return null;
  }
}

/** Start time of a process in clock ticks since boot, `dead` of a zombie, null without any. */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : (fields[19] ?? null);
  } catch {
    return null;
  }
}
