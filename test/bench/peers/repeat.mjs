/** The same value so many times. */
export function* repeat(value, count) {
  for (let i = 0; i < count; i += 1) yield value;
}
