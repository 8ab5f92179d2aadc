/** The version of this package, which workers tell the store. */
export const VERSION = '0.1.0';
