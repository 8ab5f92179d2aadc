/** Injection token of the options as they were given to `forRoot`. */
export const SITQ_OPTIONS = Symbol.for('sitq:options');

/** Name under which the module writes to Nest's log. */
export const LOG_CONTEXT = 'Sitq';
