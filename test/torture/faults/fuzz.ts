import * as fc from 'fast-check';
import { TaskFailedError } from '../../../lib/index.js';
import { anyText, keptValue } from '../../app/arbitraries.js';
import { shape } from '../../app/shape.js';
import type { Arena } from '../arena.js';
import { EVERYWHERE, type Fault } from '../fault.js';

const VALUES = 40;
const TEXTS = 10;
const PATIENCE = { timeout: '60s' } as const;

/** Any value there is, to a handler in another process and back; any text as an error. */
export const fuzz: Fault = {
  name: 'fuzz',
  title: 'arguments, results and errors of every kind, to other processes and back',
  kinds: EVERYWHERE,
  // They are no part of the journal, their results are no receipts, and some are told to fail.
  excused: /^(I2|I5|I6|I7) (echo|fail)-/,
  async play(arena) {
    await arena.open();
    let [kept, changed] = [0, 0];
    await arena.cycles(async (n) => {
      const seed = Math.floor(arena.between(1, 2 ** 31));
      const values = [...fc.sample(keptValue, { seed, numRuns: VALUES }), 'x'.repeat(1_000_000)];
      const texts = fc.sample(anyText, { seed, numRuns: TEXTS });
      const came = await Promise.all([
        ...values.map((value, i) => comesBack(arena, `echo-${n}-${i}`, value)),
        ...texts.map((text, i) => isTold(arena, `fail-${n}-${i}`, text)),
      ]);
      kept += came.filter(Boolean).length;
      changed += came.filter((each) => !each).length;
      if (changed > 0) throw new Error(`not everything came back as it was, with seed ${seed}`);
    });
    return { values: kept, 'counter-examples': changed };
  },
};

async function comesBack({ queue }: Arena, id: string, value: unknown): Promise<boolean> {
  const task = await queue.enqueue('ProcessTasks.echo', [value], { id });
  return shape(await task.result(PATIENCE)) === shape(value);
}

async function isTold({ queue }: Arena, id: string, text: string): Promise<boolean> {
  const meta = { text };
  const task = await queue.enqueue('ProcessTasks.fail', [text], { id, meta, attempts: 1 });
  const failure: unknown = await task.result(PATIENCE).catch((error: unknown) => error);
  const isStorable = !/\p{Surrogate}/u.test(text) && !text.includes('\0');
  return (
    failure instanceof TaskFailedError &&
    (!isStorable || failure.message.includes(text)) &&
    (await queue.getTask(id))?.meta.text === text
  );
}
