/**
 * The same items, each drawn while the one before it is made use of. An error comes in its turn.
 * Whoever stops early does not wait for the item that was drawn ahead.
 */
export async function* oneAhead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    let drawn = items.next();
    for (;;) {
      const { done, value } = await drawn;
      if (done) return;
      drawn = items.next();
      drawn.catch(() => undefined); // is told when its turn comes
      yield value;
    }
  } finally {
    items.return(undefined).catch(() => undefined);
  }
}
