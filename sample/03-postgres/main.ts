import { setTimeout as sleep } from 'node:timers/promises';
import { Processes } from './stage/processes.js';
import { settings } from './stage/settings.js';
import { Shop, type News } from './stage/shop.js';
import { Terminal } from './stage/terminal.js';
import { complaintsAbout } from './stage/verdict.js';

// Starts a database, an API and workers, each in a process of its own, sends customers to the API,
// and shows what the API tells of the workers.

/** How often to ask for news, in ms. */
const NEWS_INTERVAL = 100;

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interrupt.abort(signal));
}
const terminal = new Terminal();
const database = new Processes(interrupt.signal, terminal.say);
const services = new Processes(interrupt.signal, terminal.say);

try {
  const env = { DATABASE_URL: process.env.DATABASE_URL || (await startDatabase()) };
  const programs = ['api', ...Array.from({ length: settings.workers }, () => 'worker')];
  const [url] = await Promise.all(programs.map((program) => services.start(program, { env })));
  const shop = new Shop(url!);
  if (settings.once) await serveOnce(shop);
  else await serve(shop, env.DATABASE_URL);
} catch (error) {
  if (!interrupt.signal.aborted) {
    terminal.say(String((error as Error).cause ?? error));
    process.exitCode = 1;
  }
} finally {
  await services.stop();
  await database.stop();
}
if (interrupt.signal.aborted) process.kill(process.pid, interrupt.signal.reason as string);

function startDatabase(): Promise<string> {
  return database.start('stage/embedded-postgres', { args: settings.data ? [settings.data] : [] });
}

/** The shop is open until Ctrl-C. */
async function serve(shop: Shop, databaseUrl: string): Promise<void> {
  const [worker] = (await shop.news()).shares;
  const shownUrl = process.env.DATABASE_URL ? '...' : databaseUrl;
  terminal.say(`
The shop is open until Ctrl-C, with ${settings.orders} orders a second. Try in another terminal:
  curl -d customer=Bob -d cents=990 ${shop.url}/orders
      orders, and answers with the id of the order
  curl ${shop.url}/orders/ID/invoice
      waits for the invoice
  curl ${shop.url}/stats
      counts orders, invoices by worker, and tasks
  kill -9 ${worker!.pid}
      kills a worker: the others take its orders over
  DATABASE_URL=${shownUrl} node build/03-postgres/worker.js
      starts one more`);
  await watch(shop, shop.orderSteadily(settings.orders, interrupt.signal));
}

/** All customers come at once; the shop closes when the last one has an invoice. */
async function serveOnce(shop: Shop): Promise<void> {
  const startedAt = performance.now();
  const before = await shop.news();
  const after = await watch(shop, shop.orderAll(settings.orders));
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  terminal.end(after);
  const complaints = complaintsAbout(before, after, settings.orders);
  if (complaints.length > 0) process.exitCode = 1;
  else complaints.push(`All orders have their invoice, in ${seconds} s, and were shared fairly.`);
  terminal.say(complaints.join('\n'));
}

/** Shows the news until all is ordered and no task is open. */
async function watch(shop: Shop, ordering: Promise<void>): Promise<News> {
  let ordered = false;
  const watching = async () => {
    for (;;) {
      const isLast = ordered;
      const news = await shop.news();
      terminal.show(news);
      if (isLast && news.open === 0) return news;
      if (settings.once && !isServed(news)) throw new Error('No worker is left.');
      await sleep(NEWS_INTERVAL, undefined, { signal: interrupt.signal });
    }
  };
  const [last] = await Promise.all([watching(), ordering.then(() => (ordered = true))]);
  return last;
}

function isServed({ shares }: News): boolean {
  return shares.some(({ alive }) => alive);
}
