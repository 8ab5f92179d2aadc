/**
 * Where the engine writes its log. Nest's `Logger` fits.
 *
 * @publicApi
 */
export interface SitqLogger {
  log(message: string): void;
  warn(message: string): void;
  error(message: string, stack?: string): void;
  debug(message: string): void;
}
