import type { Type } from '@nestjs/common';

/** The module's class among what its file exports. @throws Error that says what was found instead */
export function moduleOf(exported: Record<string, unknown>, name: string | undefined): Type {
  // What a CommonJS file exports arrives as the default export, and by its names.
  const classes = new Map(
    Object.entries({ ...(exported.default as object | undefined), ...exported }).filter(
      (entry): entry is [string, Type] => isClass(entry[1]),
    ),
  );
  if (name !== undefined) {
    const chosen = classes.get(name);
    if (chosen) return chosen;
    throw new Error(`it exports no class ${name}, but ${list(classes)}`);
  }
  const [only, ...others] = new Set(classes.values());
  if (only && others.length === 0) return only;
  throw new Error(`it exports ${list(classes)}; name one: isolation: { export: '...' }`);
}

function isClass(value: unknown): boolean {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

function list(classes: ReadonlyMap<string, unknown>): string {
  return classes.size === 0 ? 'no class' : [...classes.keys()].join(', ');
}
