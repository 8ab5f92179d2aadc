/**
 * Root of every error that sitq raises. `code` is stable across versions and is what programs
 * should test; the message is for people and ends with what to do about it.
 *
 * `instanceof` goes by `code`, too: an application may have a second copy of the package, whose
 * classes are others although they mean the same.
 *
 * @publicApi
 */
export abstract class SitqError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Never throws: a handler may throw a proxy that cannot be asked. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    try {
      if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
      if (typeof value !== 'object' || value === null) return false;
      const { code } = value as { readonly code?: unknown };
      if (this === SitqError) return typeof code === 'string' && code.startsWith(PREFIX);
      // A subclass made by an application has no code of its own: it means only what is made of it.
      return Object.hasOwn(this, 'code') && (this as { readonly code?: unknown }).code === code;
    } catch {
      return false;
    }
  }
}

/** With it every code begins. */
const PREFIX = 'SITQ_';
