import { Presets, SingleBar } from 'cli-progress';
import type { Report, Settled, Spectator } from './gallery.js';

/** What the person at the terminal sees of a run: a bar, or plain lines where no bar can be. */
export class Terminal implements Spectator {
  private readonly bar = process.stdout.isTTY ? createBar() : null;
  private total = 0;
  private endedBefore = 0;
  private count = 0;
  private failed = 0;
  private startedAt = 0;
  private seconds = 0;

  begin(run: string, total: number, endedBefore: number): void {
    this.total = total;
    this.endedBefore = endedBefore;
    this.startedAt = performance.now();
    console.log(
      endedBefore === 0
        ? `Starting ${run}: ${total} thumbnails to make.`
        : `Resuming ${run}: ${endedBefore} of ${total} thumbnails were settled before.`,
    );
    this.bar?.start(total, endedBefore, { rate: 0, failed: 0 });
  }

  ended({ result }: Settled): void {
    this.count += 1;
    if (result.status !== 'success') this.failed += 1;
    if (this.count <= this.endedBefore) return;
    this.seconds = (performance.now() - this.startedAt) / 1000;
    if (this.bar) this.bar.update(this.count, { rate: this.rate(), failed: this.failed });
    else if (this.tenths(this.count) > this.tenths(this.count - 1)) this.printLine();
  }

  /** Ends the bar, if there is one, and prints below it. */
  say(text: string): void {
    this.bar?.stop();
    console.log(`\n${text}`);
  }

  summarize({ contactSheet, completed, failed }: Report): void {
    this.say(
      `${completed.length} thumbnails made, ${failed.length} failed; of these ` +
        `${this.endedNow()} now, in ${this.seconds.toFixed(1)} s (${this.rate()} tasks/s).`,
    );
    if (failed.length > 0) this.say(`Failed:\n${describe(failed)}`);
    this.say(`Contact sheet: ${contactSheet}`);
  }

  private printLine(): void {
    const share = `${this.tenths(this.count)}0%`.padStart(4);
    console.log(
      `${share} | ${this.count} of ${this.total} | ${this.rate()} tasks/s | ${this.failed} failed`,
    );
  }

  private tenths(count: number): number {
    return Math.floor((10 * count) / this.total);
  }

  private endedNow(): number {
    return Math.max(0, this.count - this.endedBefore);
  }

  private rate(): number {
    return Math.round(this.endedNow() / (this.seconds || 1));
  }
}

function createBar(): SingleBar {
  const format = ' {bar} {percentage}% | {value} of {total} | {rate} tasks/s | {failed} failed';
  return new SingleBar(
    { format, stream: process.stdout, hideCursor: true },
    Presets.shades_classic,
  );
}

/** One line per picture: it fails in every width for the same reason. */
function describe(failed: readonly Settled[]): string {
  const names = new Set(failed.map(({ picture }) => picture));
  return [...names].map((name) => line(failed.filter((each) => each.picture === name))).join('\n');
}

function line([first, ...rest]: Settled[]): string {
  const { picture, attempts, result } = first!;
  const widths = [first!, ...rest].map(({ width }) => width).join(', ');
  return `  ${picture} (${widths} px), ${attempts} attempts: ${result.error ?? result.status}`;
}
