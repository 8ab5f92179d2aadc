import ms from 'ms';

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w';

/**
 * A length of time: milliseconds, or a number with a unit such as `'500ms'`, `'5s'`, `'2m'`,
 * `'1h'`, `'7d'`.
 *
 * @publicApi
 */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;

/** Longest time in ms: an instant so far ahead is still a valid Date. */
export const MAX_DURATION = 8e15;

const WITH_UNIT = /^\d+(\.\d+)? ?(ms|s|m|h|d|w)$/;

/** Milliseconds of a {@link Duration}, or `undefined` when the value is not one. */
export function parseDuration(value: unknown): number | undefined {
  const parsed =
    typeof value === 'string' && WITH_UNIT.test(value) ? ms(value as ms.StringValue) : value;
  return typeof parsed === 'number' && parsed >= 0 && parsed <= MAX_DURATION
    ? Math.round(parsed)
    : undefined;
}
