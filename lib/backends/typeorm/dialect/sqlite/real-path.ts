import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Links to links are followed so far, as the system does. */
const MOST_LINKS = 40;

/**
 * The absolute path of a file without symbolic links, as SQLite has it: the log and everything else
 * beside a database belongs to the file itself, by whatever name it is opened. It need not exist.
 */
export function realPath(path: string): string {
  let file = resolve(path);
  for (let n = 0; n < MOST_LINKS; n += 1) {
    file = join(realFolder(dirname(file)), basename(file));
    if (!lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return file;
    file = resolve(dirname(file), readlinkSync(file));
  }
  return file; // a circle, which opening it tells of
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder; // is created with the file
  }
}
