import ms from 'ms';

/** How long ago, for people. */
export function ago(time: number): string {
  return `${ms(Math.max(0, Math.round(time)))} ago`;
}
