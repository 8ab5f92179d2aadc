import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));

/** A process beside this one that plays a part of the measurement. */
export class Helper {
  static async start(role, args) {
    const child = fork(CHILD, [JSON.stringify({ role, ...args })], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const helper = new Helper(child);
    await helper.receive(); // it is ready
    return helper;
  }

  constructor(child) {
    this.child = child;
    this.exit = once(child, 'exit');
    this.messages = on(child, 'message', { close: ['exit'] });
  }

  send(message) {
    this.child.send(message);
  }

  /** What it says next. */
  async receive() {
    const { value, done } = await this.messages.next();
    if (done) throw new Error('A process beside the measurement has ended.');
    return value[0];
  }

  async end() {
    this.child.disconnect();
    await this.exit;
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exit;
  }
}
