/** Injection token of the options as they were given to `forRoot`. */
export const SITQ_OPTIONS = Symbol.for('sitq:options');

/** Injection token of every plugin, the application's first. */
export const SITQ_PLUGINS = Symbol.for('sitq:plugins');

/** Name under which the module writes to Nest's log. */
export const LOG_CONTEXT = 'Sitq';
