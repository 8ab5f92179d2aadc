import { isMadeUp } from '../core/made-up-name.js';

/** Of a name that nobody has, and of those that somebody has. */
export interface LikelyNames {
  /** The likeliest first; not all of them where there are many. */
  readonly names: readonly string[];
  /** A sentence about what may be the matter, empty where nothing is known. */
  readonly hint: string;
}

const MOST_NAMES = 20;

/** Which of these names may have been meant, and why the one that was given is not among them. */
export function likelyNames(wanted: string, known: Iterable<string>): LikelyNames {
  const ranked = [...new Set(known)]
    .map((name) => ({ name, ...compare(wanted, name) }))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  const names = ranked.slice(0, MOST_NAMES).map(({ name }) => name);
  const [nearest] = ranked;
  return { names, hint: nearest ? hintOf(wanted, nearest) : '' };
}

interface Comparison {
  /** From 0 to 1. */
  readonly distance: number;
  readonly isSameMethod: boolean;
}

function compare(wanted: string, name: string): Comparison {
  const isSameMethod = name !== wanted && partsOf(name).method === partsOf(wanted).method;
  const typos = edits(wanted, name) / Math.max(wanted.length, name.length);
  return { distance: isSameMethod ? Math.min(typos, 0.5) : typos, isSameMethod };
}

function hintOf(wanted: string, { name, distance, isSameMethod }: Comparison & { name: string }) {
  if (isSameMethod && [wanted, name].some((each) => isMadeUp(partsOf(each).className))) {
    return (
      `'${name}' may be the same, if a minifier has renamed the class in one of the builds: ` +
      `give it a name that stays, @Task({ name: '...' }).`
    );
  }
  if (distance <= 0.3) return `Is '${name}' meant?`;
  if (!isSameMethod) return '';
  return (
    `'${name}' may be the same, if the class was renamed or stands in for another one: give it a ` +
    `name that stays, @Task({ name: '...' }).`
  );
}

function partsOf(name: string): { className: string; method: string } {
  const dot = name.lastIndexOf('.');
  return { className: name.slice(0, Math.max(dot, 0)), method: name.slice(dot + 1) };
}

/** How many letters to add, leave out or change to make one of the other (Levenshtein). */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const swapped = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(swapped, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
