/**
 * Root of every error that sitq raises. `code` is stable across versions and is what programs
 * should test; the message is for people and ends with what to do about it.
 *
 * @publicApi
 */
export abstract class SitqError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
