import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The path that is meant by what people give for an SQLite file: a path, a URL of the schemes that
 * other libraries want, or one below the home directory, which only a shell would find.
 *
 * @param refuse makes the error of what cannot be meant.
 */
export function filePath(text: string, refuse: (why: string) => Error): string {
  if (text !== text.trim()) throw refuse('begins or ends with white space');
  const path = withHome(withoutScheme(text, refuse), refuse);
  if (path === '') throw refuse('names no file');
  if (/[\\/]$/.test(path)) throw refuse('ends as the name of a folder does');
  const lost = path.split(/[\\/]/).find((name) => UNREPLACED.test(name));
  if (lost === undefined) return path;
  throw refuse(`has '${lost}' in it, where a variable was to be`);
}

/** What is left of `${process.env.FOLDER}` without the variable, and of what a shell replaces. */
const UNREPLACED = /^(?:(?:undefined|null)(?:\..*)?|\$\w+|\$\{.*\}|%\w+%)$/;

const SCHEME = /^([a-z][a-z0-9+.-]+):(.*)$/is;
const FILE_SCHEMES: ReadonlySet<string> = new Set(['file', 'sqlite', 'sqlite3']);

function withoutScheme(text: string, refuse: (why: string) => Error): string {
  const [, scheme = '', rest = ''] = SCHEME.exec(text) ?? [];
  if (!FILE_SCHEMES.has(scheme.toLowerCase())) {
    if (rest.startsWith('//')) throw refuse('is a URL, which is for the option url');
    return text;
  }
  if (/[?#]/.test(rest)) throw refuse('has parameters, which are not read');
  if (!rest.startsWith('//')) return rest;
  if (scheme.toLowerCase() !== 'file') return rest.slice(2);
  if (/^\/\/(?:localhost)?\//i.test(rest)) return fileURLToPath(text);
  throw refuse('names a host');
}

function withHome(path: string, refuse: (why: string) => Error): string {
  if (path === '~') throw refuse('names no file');
  if (/^~[\\/]/.test(path)) return join(homedir(), path.slice(2));
  if (/^~\w+[\\/]/.test(path)) throw refuse(`is below another user's home`);
  return path;
}
