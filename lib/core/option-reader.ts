import { showOption, showValue } from './show-value.js';

/** A check returns the value to use, or `undefined` when the given one is wrong. */
export interface OptionCheck<T> {
  readonly parse: (value: unknown) => T | undefined;
  /** What would be right, as it ends the sentence "Give ...". */
  readonly remedy: string;
}

type Checks = Record<string, OptionCheck<unknown>>;
type Parsed<C extends Checks> = { [K in keyof C]?: C[K] extends OptionCheck<infer T> ? T : never };

/** Builds the error of a refusal: which class depends on whether it is boot or a call. */
export type Refuse = (message: string, option: string, value: unknown) => Error;

/**
 * Reads an options object: unknown names and wrong values are refused with the option's name,
 * the value and the remedy. Options that are absent or undefined stay absent.
 *
 * @param label names the options in messages, such as `forRoot` or `@Task on MailTasks.welcome`
 * @param alsoKnown options that somebody else reads, for the message about an unknown one
 */
export function readOptions<C extends Checks>(
  label: string,
  input: unknown,
  checks: C,
  refuse: Refuse,
  alsoKnown: readonly string[] = [],
): Parsed<C> {
  requireObject(label, input, refuse);
  const parsed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (!check) {
      const known = [...Object.keys(checks), ...alsoKnown].join(', ');
      throw refuse(
        `${label}: there is no option '${name}' (value ${showOption(name, value)}). Known are: ${known}.`,
        name,
        value,
      );
    }
    if (value === undefined) continue;
    const result = check.parse(value);
    if (result === undefined) {
      throw refuse(
        `${label}: ${name} is ${showOption(name, value)}. Give ${check.remedy}.`,
        name,
        value,
      );
    }
    parsed[name] = result;
  }
  return parsed as Parsed<C>;
}

/** Refuses what is no options object at all. */
export function requireObject(
  label: string,
  input: unknown,
  refuse: Refuse,
): asserts input is object {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return;
  throw refuse(`${label}: got ${showValue(input)} as options. Give an object.`, label, input);
}
