import { once } from 'node:events';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import type { AbortOrder, RunNews, ThreadEnd } from './crossing.js';
import { packError, unpackError } from './crossing-error.js';
import type { IsolatedRun } from './isolation.js';

/** What is told to and fro while a run is in a thread, which ends before the call is closed. */
export class IsolatedCall {
  /** For the thread. */
  readonly port: MessagePort;
  /** Whether a thread has begun with the run. */
  began = false;
  /** Whether the handler's end has been told. */
  isOver = false;

  private readonly ours: MessagePort;
  private readonly cut = new AbortController();
  private readonly ended: Promise<ThreadEnd>;
  /** Resolves when nobody is at the other end any more, and all that was told has been heard. */
  readonly deserted: Promise<unknown>;
  private timer: NodeJS.Timeout | undefined;

  /** @param grace between the signal of the run and {@link cutOff}, in ms. */
  constructor(
    private readonly run: IsolatedRun,
    private readonly grace: number,
    private readonly onBegin: () => void,
  ) {
    const { port1, port2 } = new MessageChannel();
    this.ours = port1;
    this.port = port2;
    this.ended = new Promise((resolve) => {
      port1.on('message', (news: RunNews) => this.hear(news, resolve));
    });
    this.deserted = once(port1, 'close');
    run.signal.addEventListener('abort', this.abort);
    if (run.signal.aborted) this.abort();
  }

  /** Aborts when the thread is to be ended: the run goes on although its signal has aborted. */
  get cutOff(): AbortSignal {
    return this.cut.signal;
  }

  get abortReason(): unknown {
    return this.run.abortReason;
  }

  /** What the handler has come to; the thread is done with it. @throws what the handler threw */
  async outcome(): Promise<string | null> {
    const { completion, error, snooze, text } = await this.ended;
    const { run } = this;
    if (completion) run.acceptCompletion(completion.text);
    if (snooze !== undefined) run.snooze(snooze);
    if (!error) return text;
    const thrown = unpackError(error);
    if (thrown instanceof LeaseLostError) run.abort(thrown);
    throw thrown;
  }

  close(): void {
    clearTimeout(this.timer);
    this.run.signal.removeEventListener('abort', this.abort);
    this.ours.close();
  }

  private hear(news: RunNews, end: (end: ThreadEnd) => void): void {
    if (news.kind === 'end') {
      this.isOver = true;
      end(news.end);
    } else if (news.kind === 'report') this.run.accept(news.report);
    else {
      this.began = true;
      this.onBegin();
    }
  }

  private readonly abort = (): void => {
    this.ours.postMessage({ abort: packError(this.run.abortReason) } satisfies AbortOrder);
    this.timer = setTimeout(() => this.cut.abort(), this.began ? this.grace : 0).unref();
  };
}
