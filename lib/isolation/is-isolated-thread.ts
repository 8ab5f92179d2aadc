import { isMainThread } from 'node:worker_threads';
import { THREAD_MODULE } from '../worker/isolation/crossing.js';

/** Whether this is a thread of isolated handlers, in which no worker is to run. */
export function isIsolatedThread(): boolean {
  return !isMainThread && process.env[THREAD_MODULE] !== undefined;
}
