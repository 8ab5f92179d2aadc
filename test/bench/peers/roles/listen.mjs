import { once } from 'node:events';
import { loadAdapter } from '../adapters/load.mjs';
import { clock } from '../clock.mjs';

/** A worker on an idle queue that tells when a handler starts. */
export async function play({ row, store }) {
  const adapter = await loadAdapter(row.adapter);
  const session = await adapter.open(store, row.options);
  const handler = async () => {
    process.send(clock());
    return { ok: true };
  };
  const worker = await session.worker({ ...row.idle, handler, onDone() {} });
  await worker.start();
  process.send('ready');
  await once(process, 'disconnect');
}
