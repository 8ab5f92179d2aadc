/**
 * Whether containers stand in each other more than so many deep, in the order in which a
 * serializer goes through them: one that it has met does not count again.
 */
export function isDeeperThan(most: number, value: unknown, seen = new Set<object>()): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (ArrayBuffer.isView(value) || seen.has(value)) return false;
  if (most === 0) return true;
  seen.add(value);
  return partsOf(value).some((part) => isDeeperThan(most - 1, part, seen));
}

/** By its tag, which does not depend on the realm that made it. */
function partsOf(container: object): unknown[] {
  switch (Object.prototype.toString.call(container)) {
    case '[object Map]':
      return [...(container as Map<unknown, unknown>)].flat();
    case '[object Set]':
      return [...(container as Set<unknown>)];
    default:
      return Object.values(container);
  }
}
