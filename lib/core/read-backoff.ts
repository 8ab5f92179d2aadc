import { readJson } from './read-json.js';
import { parseBackoff, type BackoffPlan } from './retry-policy.js';

/**
 * Reads the backoff that is stored with a task, also where somebody wrote it there as in options,
 * such as `30s`; undefined for what is none.
 */
export function readBackoff(text: string): BackoffPlan | undefined {
  return parseBackoff(readJson(text)) ?? parseBackoff(String(text));
}
