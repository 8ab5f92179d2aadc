import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { clock } from '../clock.mjs';

const EVERY = 5;

/** Asks an application for a page so many times a second until told to stop, answered or not. */
export async function play() {
  process.send('ready');
  const [port] = await once(process, 'message');
  const agent = new Agent({ keepAlive: true });
  const answers = [];
  let due = clock();
  const timer = setInterval(() => {
    for (; due <= clock(); due += EVERY) answers.push(answer({ port, agent }, due));
  }, 1);
  await once(process, 'message');
  clearInterval(timer);
  process.send(await Promise.all(answers));
  await once(process, 'disconnect');
}

/** How long it takes from when it was due, so that waiting for each other is not forgotten. */
function answer(options, due) {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', ...options }, (response) => {
      response.resume().once('end', () => resolve(clock() - due));
    }).once('error', reject);
  });
}
