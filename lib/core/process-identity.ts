import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { hasMark } from './process-mark.js';

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
 * Whether the process of a worker is certainly gone, so that its tasks need not wait for the lease
 * to run out. Only a process of the same boot and the same pid namespace can be judged, and only
 * one that has left its mark on this machine: machines that were cloned while they ran share both
 * boot and namespace, and neither has the processes of the other. Every doubt is a no.
 */
export function isProcessGone(worker: ProcessIdentity & { readonly id: string }): boolean {
  const birth = birthInOurSpace(worker);
  if (birth === undefined || birth === birthOfIdentity(worker)) return false;
  return (birth !== null || !isAnswering(worker.pid)) && hasMark(worker.id);
}

/** Whether a process certainly runs, however late its heartbeat is. */
export function isProcessAlive(other: ProcessIdentity): boolean {
  const birth = birthInOurSpace(other);
  return birth !== undefined && birth !== null && birth === birthOfIdentity(other);
}

/** As {@link birthOf}; undefined of a process of another boot or another pid namespace. */
function birthInOurSpace({ pid, identity }: ProcessIdentity): string | null | undefined {
  const space = pidSpace();
  return space !== null && identity?.startsWith(`${space}/`) ? birthOf(pid) : undefined;
}

function birthOfIdentity({ identity }: ProcessIdentity): string | undefined {
  return identity?.slice(identity.lastIndexOf('/') + 1);
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
