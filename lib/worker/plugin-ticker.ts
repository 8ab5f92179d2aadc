import type { Clock } from '../core/clock.js';
import type { SitqLogger } from '../core/logger.js';
import type { Plugin } from '../core/plugin.js';

/** Calls `tick` of the plugins that have one, at an interval; a slow one is never overtaken. */
export class PluginTicker {
  private readonly ticking: readonly Plugin[];
  private timer: NodeJS.Timeout | undefined;
  private busy = false;

  constructor(
    plugins: readonly Plugin[],
    private readonly clock: Clock,
    private readonly logger: SitqLogger,
  ) {
    this.ticking = plugins.filter((plugin) => plugin.tick);
  }

  start(interval: number): void {
    if (this.ticking.length > 0) this.timer = setInterval(() => void this.tick(), interval);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async tick(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    for (const plugin of this.ticking) {
      try {
        await plugin.tick?.(new Date(this.clock.now()));
      } catch (error) {
        this.logger.warn(`Plugin ${plugin.name} failed in tick: ${String(error)}`);
      }
    }
    this.busy = false;
  }
}
