import { parseDuration } from './duration.js';
import type { OptionCheck } from './option-reader.js';
import { parseBackoff, type BackoffFunction, type BackoffPlan } from './retry-policy.js';

/** Longest delay a Node timer can hold. */
const MAX_TIMER = 2 ** 31 - 1;
const NAME = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** Whether it can be an id, or the name of a task or a queue. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** The checks that options of several places share. */
export const check = {
  integer: (min: number, max: number): OptionCheck<number> => ({
    parse: (value) =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max
        ? (value as number)
        : undefined,
    remedy: `a whole number from ${min} to ${max}`,
  }),

  duration: (min: number, max = MAX_TIMER): OptionCheck<number> => ({
    parse: (value) => {
      const parsed = parseDuration(value);
      return parsed !== undefined && parsed >= min && parsed <= max ? parsed : undefined;
    },
    remedy: `milliseconds from ${min} to ${max}, or a string such as '30s', '5m', '1h'`,
  }),

  name: (): OptionCheck<string> => ({
    parse: (value) => (isName(value) ? value : undefined),
    remedy: 'a string of 1 to 200 characters without control characters',
  }),

  text: (remedy: string): OptionCheck<string> => ({
    parse: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
    remedy,
  }),

  boolean: (): OptionCheck<boolean> => ({
    parse: (value) => (typeof value === 'boolean' ? value : undefined),
    remedy: 'true or false',
  }),

  oneOf: <T extends string>(...values: T[]): OptionCheck<T> => ({
    parse: (value) => values.find((each) => each === value),
    remedy: `one of ${values.map((each) => `'${each}'`).join(', ')}`,
  }),

  nonEmptyList: (): OptionCheck<readonly string[]> => ({
    parse: (value) =>
      Array.isArray(value) && value.length > 0 && value.every(isName)
        ? [...new Set<string>(value)]
        : undefined,
    remedy: 'a list of one or more names',
  }),

  func: <T extends (...args: never[]) => unknown>(remedy: string): OptionCheck<T> => ({
    parse: (value) => (typeof value === 'function' ? (value as T) : undefined),
    remedy,
  }),

  /** An object that has these methods. */
  like: <T extends object>(remedy: string, ...methods: (keyof T & string)[]): OptionCheck<T> => ({
    parse: (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
        ? (value as T)
        : undefined,
    remedy,
  }),

  backoff: (): OptionCheck<BackoffPlan> => ({
    parse: parseBackoff,
    remedy:
      `'fixed', 'exponential', a duration, { type: 'fixed', delay } or ` +
      `{ type: 'exponential', base, factor, max, jitter }`,
  }),

  backoffOrFunction: (): OptionCheck<BackoffPlan | BackoffFunction> => ({
    parse: (value) =>
      typeof value === 'function' ? (value as BackoffFunction) : parseBackoff(value),
    remedy:
      `'fixed', 'exponential', a duration, { type: 'fixed', delay }, ` +
      `{ type: 'exponential', base, factor, max, jitter } or a function of (attempt, error, task)`,
  }),

  date: (): OptionCheck<Date> => ({
    parse: (value) => (value instanceof Date && !Number.isNaN(value.getTime()) ? value : undefined),
    remedy: 'a valid Date',
  }),

  stringMap: (maxEntries: number, maxLength: number): OptionCheck<Record<string, string>> => ({
    parse: (value) => parseStringMap(value, maxEntries, maxLength),
    remedy: `an object of at most ${maxEntries} strings of at most ${maxLength} characters`,
  }),
};

function parseStringMap(value: unknown, maxEntries: number, maxLength: number) {
  if (Object.prototype.toString.call(value) !== '[object Object]') return undefined; // no Map, no Date
  const entries = Object.entries(value as object);
  const fits = entries.every(
    ([key, text]) =>
      key.length <= maxLength && typeof text === 'string' && text.length <= maxLength,
  );
  return fits && entries.length <= maxEntries
    ? (Object.fromEntries(entries) as Record<string, string>)
    : undefined;
}
