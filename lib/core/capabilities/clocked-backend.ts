import type { Backend } from '../backend.js';
import { systemClock, type Clock } from '../clock.js';

/**
 * A store that has a clock of its own, such as that of its server: whoever computes an eta for it
 * asks this one, so that clocks that differ between machines start nothing early or late.
 *
 * @publicApi
 */
export interface ClockedBackend {
  readonly clock: Clock;
}

/** The clock by which tasks of this store start. */
export function clockOf(backend: Backend): Clock {
  return 'clock' in backend ? (backend as Backend & ClockedBackend).clock : systemClock;
}
