import * as fc from 'fast-check';

/** Any text at all: also NUL, lone surrogates, and keys that mean something to JavaScript. */
const utf16 = fc.array(fc.nat({ max: 0xffff })).map((units) => String.fromCharCode(...units));
export const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  utf16,
  fc.constantFrom('__proto__', 'constructor', 'toJSON', '\0', '\ud800', '\u2028', '~1', ''),
);
const safeKey = anyText.filter((each) => each !== '__proto__');

/** What is no object. */
export const primitiveValue = fc.oneof(
  anyText,
  fc.double(),
  fc.integer(),
  fc.constantFrom(NaN, -0, Infinity, -Infinity, undefined, null, true, false),
  fc.bigInt(),
);

const special = fc.oneof(
  fc.date({ noInvalidDate: false }),
  fc.webUrl().map((url) => new URL(url)),
  fc.constantFrom(/a+(b|c)?/giu, /[/\]]/),
  fc.uint8Array(),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.uint8Array({ minLength: 5 }).map((bytes) => bytes.subarray(1, 3)),
  fc.float64Array(),
  fc.int16Array(),
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
);

/** Every kind of value that `DefaultSerializer` promises to keep. */
export const { value: keptValue } = fc.letrec<{ value: unknown; nested: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 5 }, primitiveValue, special, tie('nested')),
  nested: fc.oneof(
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(safeKey, tie('value'), { maxKeys: 6, noNullPrototype: false }),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((all) => new Map(all)),
    fc.sparseArray(tie('value'), { maxLength: 6, maxNumElements: 3 }),
  ),
}));
