/** Cuts an iterable of any length into arrays of at most `size`, never holding more than one. */
export async function* chunks<T>(
  items: Iterable<T> | AsyncIterable<T>,
  size: number,
): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  if (Symbol.iterator in items) {
    // Kept apart from the loop below: awaiting every item would cost more than storing it.
    for (const item of items) {
      chunk.push(item);
      if (chunk.length === size) {
        yield chunk;
        chunk = [];
      }
    }
  } else {
    for await (const item of items) {
      chunk.push(item);
      if (chunk.length === size) {
        yield chunk;
        chunk = [];
      }
    }
  }
  if (chunk.length > 0) yield chunk;
}
