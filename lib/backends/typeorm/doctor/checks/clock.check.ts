import type { Check } from '../check.js';

const ROUNDS = 3;
/** Beyond this instants that an application makes up itself are noticeably off, in ms. */
const TOLERANCE = 1000;

/** How far the clock of this machine is from that of the server, by which tasks start. */
export const clockCheck: Check = {
  name: 'clock',
  run: async ({ inspection }) => {
    if (!inspection.now) return { state: 'well', text: 'that of this machine' };
    let best = { difference: 0, error: Infinity };
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = Date.now();
      const server = await inspection.now();
      const after = Date.now();
      const error = (after - before) / 2;
      if (error < best.error) best = { difference: server - (before + after) / 2, error };
    }
    const difference = Math.round(best.difference);
    const where = difference < 0 ? 'behind' : 'ahead of';
    const text = `the server is ${Math.abs(difference)} ms ${where} this machine`;
    const data = { difference };
    if (Math.abs(difference) - best.error <= TOLERANCE) return { state: 'well', text, data };
    return {
      state: 'warning',
      text,
      remedy: `Tasks start by the server's clock: an eta made here is off by that much.`,
      data,
    };
  },
};
