import { readdirSync, readFileSync, statSync } from 'node:fs';

/** A process that has a file open. */
export interface Opener {
  readonly pid: number;
  /** Of the program. */
  readonly name: string;
}

/**
 * The processes that have one of these files open, whatever locks they hold: those that Linux shows
 * to this user. Elsewhere nobody is found.
 */
export function openersOf(files: readonly string[]): Opener[] {
  const wanted = new Set(files.flatMap((file) => identityOf(file) ?? []));
  const pids = listed('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) =>
      listed(`/proc/${pid}/fd`).some((fd) => wanted.has(identityOf(`/proc/${pid}/fd/${fd}`) ?? '')),
    )
    .map((pid) => ({ pid: Number(pid), name: nameOf(pid) }));
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined; // closed or ended meanwhile
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // another user's, or ended meanwhile
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'ended';
  }
}
