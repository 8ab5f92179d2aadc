/** Milliseconds on the clock that all processes of a machine share. */
export function clock() {
  return Number(process.hrtime.bigint()) / 1e6;
}
