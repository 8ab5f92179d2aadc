import { percentile } from '../../workspace.mjs';
import { clock } from '../clock.mjs';
import { Helper } from '../helper.mjs';

/** Answers that are not counted: the first ones wait for the application to be compiled. */
const WARM_UP = 50;

/** Milliseconds that a page of an application takes while its worker is busy. */
export async function measure({ session, count, setting, workload: { yieldToApp } }) {
  const requests = await Helper.start('request');
  let done = 0;
  let finish;
  const over = new Promise((resolve) => (finish = resolve));
  const worker = await session.worker({
    ...setting,
    yieldToApp,
    handler: async () => ({ ok: true }),
    onDone(tasks) {
      done += tasks;
      if (done >= count) finish();
    },
  });
  await worker.app.listen(0, '127.0.0.1');
  const began = clock();
  requests.send(worker.app.getHttpServer().address().port);
  await over;
  const rate = (1000 * done) / (clock() - began);
  requests.send('stop');
  const answers = await requests.receive();
  const times = answers.slice(Math.min(WARM_UP, answers.length - 1));
  await requests.end();
  await worker.stop();
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), rate };
}
