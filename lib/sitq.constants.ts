/** Injection token of the options as they were given to `forRoot`. */
export const SITQ_OPTIONS = Symbol.for('sitq:options');

/** Injection token of every plugin, the application's first. */
export const SITQ_PLUGINS = Symbol.for('sitq:plugins');

/** Injection token of the backends that the module has opened: one, unless a test put another there. */
export const SITQ_OPENED = Symbol.for('sitq:opened');

/** Injection token that only the application of a thread of isolated handlers has. */
export const ISOLATED_APP = Symbol.for('sitq:isolated-app');

/** Name under which the module writes to Nest's log. */
export const LOG_CONTEXT = 'Sitq';
