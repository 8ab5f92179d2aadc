import { closeSync, cpSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Fresh SQLite files. A filled one is a copy of one that was filled before. */
export class SqliteStores {
  prepared = new Set();
  copies = 0;

  constructor(folder) {
    this.folder = folder;
  }

  /** A file that `prepare` has made ready; later ones of the same name are copies of it. */
  async fresh(name, _options, prepare) {
    const template = join(this.folder, name);
    if (!this.prepared.has(name)) {
      rmSync(template, { recursive: true, force: true });
      mkdirSync(template, { recursive: true });
      await prepare(storeIn(template));
      this.prepared.add(name);
    }
    const copy = join(this.folder, `copy-${(this.copies += 1)}`);
    cpSync(template, copy, { recursive: true });
    flush(copy);
    return { store: storeIn(copy), drop: async () => rmSync(copy, { recursive: true }) };
  }

  async close() {}
}

function storeIn(folder) {
  return { kind: 'sqlite', file: join(folder, 'queue.sqlite') };
}

/** So that the measurement does not share the disk with the copy before it. */
function flush(folder) {
  for (const name of readdirSync(folder)) {
    const file = openSync(join(folder, name), 'r+');
    fsyncSync(file);
    closeSync(file);
  }
}
