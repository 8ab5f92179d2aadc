import { readFileSync } from 'node:fs';
import type { Check } from '../../doctor/check.js';
import { findModule } from '../../find-module.js';

/** The driver, and whether this Node gets along with it. */
export const driverCheck: Check = {
  name: 'driver',
  run: async () => {
    const manifest = readFileSync(findModule('better-sqlite3/package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    const text = `better-sqlite3 ${version} on Node ${process.version}`;
    const data = { version, node: process.version };
    if (!mayAbort(process.version, version)) return { state: 'well', text, data };
    return {
      state: 'warning',
      text: `${text} may end the process when it throws away a prepared statement`,
      remedy: 'Install better-sqlite3 13, as the README tells under "Which Node", or use Node 22.',
      data,
    };
  },
};

/**
 * From Node 24.19 on, collecting an object of Node's own `ObjectWrap` outside of any JavaScript
 * aborts the process. better-sqlite3 was built on it up to version 12.
 *
 * @see https://github.com/WiseLibs/better-sqlite3/issues/1515
 */
export function mayAbort(node: string, driver: string): boolean {
  const [major, minor] = node.replace('v', '').split('.').map(Number) as [number, number];
  return parseInt(driver) < 13 && (major > 24 || (major === 24 && minor >= 19));
}
