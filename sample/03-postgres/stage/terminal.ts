import { clearScreenDown, moveCursor } from 'node:readline';
import { total, type News, type Share } from './shop.js';

/** Columns of a full bar. */
const WIDTH = 24;
/** How often a line is printed where nothing can be drawn anew, in ms. */
const PACE = 1000;

/** What the person at the terminal sees: a line per worker, drawn anew where that is possible. */
export class Terminal {
  private readonly live = process.stdout.isTTY;
  private drawn: string[] = [];
  private printedAt = 0;

  /** Prints what stays, above the workers. */
  readonly say = (text: string): void => {
    const lines = this.drawn;
    this.draw([]);
    console.log(text);
    this.draw(lines);
  };

  show(news: News): void {
    if (this.live) return this.draw(['', ...table(news)]);
    if (Date.now() < this.printedAt + PACE) return;
    this.printedAt = Date.now();
    const shares = news.shares.map((share) => `${share.pid}: ${percent(share, news)}`);
    console.log(`${summary(news)}; ${shares.join(', ')}`);
  }

  /** The last news stays. */
  end(news: News): void {
    this.draw([]);
    console.log(['', ...table(news)].join('\n'));
  }

  private draw(lines: string[]): void {
    if (this.drawn.length > 0) {
      moveCursor(process.stdout, 0, -this.drawn.length);
      clearScreenDown(process.stdout);
    }
    if (lines.length > 0) console.log(lines.join('\n'));
    this.drawn = lines;
  }
}

function table(news: News): string[] {
  const rows = news.shares.map((share) => {
    const columns = Math.round(WIDTH * part(share, news));
    return [
      `worker ${share.pid}`,
      '█'.repeat(columns).padEnd(WIDTH, '░'),
      percent(share, news).padStart(6),
      `${share.invoices.toLocaleString('en').padStart(7)} invoices`,
      share.alive ? `${share.running} running` : 'gone',
    ].join('  ');
  });
  return [summary(news), ...rows];
}

function summary({ orders, invoices }: News): string {
  const [made, waiting] = [orders, orders - invoices].map((count) => count.toLocaleString('en'));
  return `${made} orders, ${waiting} of them without invoice`;
}

function percent(share: Share, news: News): string {
  return `${(100 * part(share, news)).toFixed(1)}%`;
}

/** Of what the workers did that we know. */
function part(share: Share, { shares }: News): number {
  return share.invoices / (total(shares.map(({ invoices }) => invoices)) || 1);
}
