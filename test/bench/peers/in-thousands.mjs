const CHUNK = 1000;

/** Hands so many copies of a value on, a thousand in an array, one array after the other. */
export async function inThousands(value, count, take) {
  for (let left = count; left > 0; left -= CHUNK) {
    await take(Array(Math.min(CHUNK, left)).fill(value));
  }
}
