import type { Clock } from '../core/clock.js';
import type { SitqLogger } from '../core/logger.js';
import type { Plugin } from '../core/plugin.js';
import { textOf } from '../core/text-of.js';
import { withoutContext } from '../core/without-context.js';
import { BackendError } from '../errors/backend.error.js';
import type { OutageLog } from './outage-log.js';

/** Calls `tick` of the plugins that have one, at an interval; a slow one is never overtaken. */
export class PluginTicker {
  private readonly ticking: readonly Plugin[];
  private timer: NodeJS.Timeout | undefined;
  private busy = false;

  constructor(
    plugins: readonly Plugin[],
    private readonly clock: Clock,
    private readonly logger: SitqLogger,
    private readonly outages: OutageLog,
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
    for (const plugin of this.ticking) await this.tickOne(plugin);
    this.busy = false;
  }

  private async tickOne(plugin: Plugin): Promise<void> {
    const what = `let plugin ${plugin.name} tick`;
    try {
      await withoutContext(() => plugin.tick?.(new Date(this.clock.now())));
      this.outages.worked(what);
    } catch (error) {
      if (error instanceof BackendError && error.transient) this.outages.failed(what, error);
      else this.logger.warn(`Plugin ${plugin.name} failed in tick: ${textOf(error)}`);
    }
  }
}
