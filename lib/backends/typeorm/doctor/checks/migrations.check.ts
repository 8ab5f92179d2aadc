import type { Check } from '../check.js';

/** Whether the tables are those of this version of sitq. */
export const migrationsCheck: Check = {
  name: 'migrations',
  run: async ({ migrator }) => {
    const { applied, missing, unknown } = await migrator.state();
    const data = { applied, missing, unknown };
    if (unknown.length > 0) {
      return {
        state: 'fault',
        text: `${unknown.length} of a newer version of nestjs-sitq`,
        remedy: 'Update nestjs-sitq.',
        lines: unknown,
        data,
      };
    }
    if (missing.length > 0) {
      return {
        state: 'fault',
        text: `${missing.length} missing, ${applied.length} applied`,
        remedy: `Run 'npx sitq migrate'.`,
        lines: missing,
        data,
      };
    }
    return { state: 'well', text: `${applied.length} applied, none missing`, data };
  },
};
