/**
 * Turns arguments and results into text and back. Give one of your own to `forRoot` for another
 * format or to encrypt what is stored; every process on the same database needs the same one.
 *
 * @publicApi
 */
export interface Serializer {
  /**
   * @throws SerializationError (or any error) for a value that cannot be kept; a `path` property
   * on the error tells where it stands.
   */
  serialize(value: unknown): string;

  /** Reads back what `serialize` wrote. */
  deserialize(text: string): unknown;
}
