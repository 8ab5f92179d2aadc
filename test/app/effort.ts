const { SITQ_TEST_LONG: long } = process.env;

/** What random moments and choices are drawn from: that of every run, or one for `npm run test:long`. */
export const SEED = Number(long ?? 20261122);

/** How much is enough: a little in `npm test`, many times as much in `npm run test:long`. */
export function effort(little: number, much: number): number {
  return long === undefined ? little : much;
}
