import type { Check } from '../check.js';

const ROUND_TRIPS = 5;

/** Who answers, and how fast. */
export const connectionCheck: Check = {
  name: 'connection',
  run: async ({ dataSource, dialect, inspection }) => {
    const { product, version, user } = await inspection.identify();
    const times: number[] = [];
    for (let round = 0; round < ROUND_TRIPS; round += 1) {
      const began = performance.now();
      await dataSource.query('SELECT 1');
      times.push(performance.now() - began);
    }
    const latency = Number(times.sort((a, b) => a - b)[ROUND_TRIPS >> 1]!.toFixed(2));
    const as = user === null ? '' : ` as ${user}`;
    return {
      state: 'well',
      text: `${product} ${version}${as}, ${latency} ms for a round trip`,
      data: { place: dialect.place, product, version, user, latency },
    };
  },
};
