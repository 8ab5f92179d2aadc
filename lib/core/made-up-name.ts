/**
 * Whether a bundler or a minifier has made up the name of this class. Then it may be another
 * class's in the next build, and a task would run the wrong handler.
 */
export function isMadeUp(className: string): boolean {
  if (className.length <= 2 || className.includes('$')) return true;
  // Three letters are a word only if they are written like one, or like an abbreviation.
  return className.length === 3 && !/^[A-Z]([a-z]{2}|[A-Z]{2})$/.test(className);
}

/** Whether it looks like a name that a bundler has changed: esbuild makes `_Mail` and `Mail2`. */
export function mayBeMadeUp(className: string): boolean {
  return /^_|\d$/.test(className);
}
