import type { Check } from '../check.js';

/** Whether a process of this version would start. */
export const bootCheck: Check = {
  name: 'boot',
  after: 'migrations',
  run: async ({ dataSource, dialect }) => {
    await dialect.attach(dataSource);
    return { state: 'well', text: 'this version starts here with migrate: false' };
  },
};
