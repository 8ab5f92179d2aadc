import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { OptionCheck } from '../../core/option-reader.js';

const OPTIONS = new Set(['module', 'export', 'threads', 'maxHeap']);
const MOST_THREADS = 256;

/** Options of isolation with every default filled in. */
export interface IsolationSettings {
  /** `file:` URL. */
  readonly module: string;
  readonly export: string | undefined;
  readonly threads: number;
  /** In MB. */
  readonly maxHeap: number | undefined;
}

/** Looks whether the file is there, too: a thread could tell only later. */
export const isolationCheck: OptionCheck<IsolationSettings> = {
  parse: (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Object.keys(value).some((name) => !OPTIONS.has(name))) return undefined;
    const { export: name, maxHeap, threads = defaultThreads() } = value as Record<string, unknown>;
    const module = fileOf((value as Record<string, unknown>).module);
    if (module === undefined) return undefined;
    if (name !== undefined && (typeof name !== 'string' || name === '')) return undefined;
    if (!isWhole(threads, 1, MOST_THREADS)) return undefined;
    if (maxHeap !== undefined && !isWhole(maxHeap, 16, 1_000_000)) return undefined;
    return { module, export: name, threads, maxHeap };
  },
  remedy:
    `{ module, export?, threads?, maxHeap? }: module is the path or file: URL of a JavaScript ` +
    `file that is there, such as new URL('./tasks.module.js', import.meta.url); threads is from ` +
    `1 to ${MOST_THREADS}, maxHeap in MB`,
};

function defaultThreads(): number {
  return Math.max(1, availableParallelism() - 1);
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** As a URL, when there is such a file. */
function fileOf(module: unknown): string | undefined {
  try {
    const isPath = typeof module === 'string' && isAbsolute(module);
    const url = isPath ? pathToFileURL(module) : new URL(String(module));
    return existsSync(fileURLToPath(url)) ? url.href : undefined;
  } catch {
    return undefined; // neither a path nor a file: URL
  }
}
