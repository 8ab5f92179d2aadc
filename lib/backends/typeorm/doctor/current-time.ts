import type { Patient } from './patient.js';

/** By the clock that the store goes by. */
export function currentTime({ inspection, dialect }: Patient): Promise<number> | number {
  return inspection.now ? inspection.now() : dialect.clock.now();
}
