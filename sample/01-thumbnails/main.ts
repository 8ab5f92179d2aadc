import { NestFactory } from '@nestjs/core';
import { QueueClosedError } from 'nestjs-sitq';
import { AppModule } from './app.module.js';
import { Gallery, type Report } from './gallery.js';
import { settings } from './settings.js';
import { Terminal } from './terminal.js';

// While a run goes on, the terminal belongs to its progress bar: the failed attempts that sitq logs
// are summed up at the end. What keeps the app from starting is thrown instead of logged.
const app = await NestFactory.create(AppModule, {
  logger: ['fatal'],
  abortOnError: false,
  forceCloseConnections: true, // whoever follows a task must not hold up the shutdown
});
app.enableShutdownHooks();

const address = settings.once ? null : await listen();
await app.init(); // now the worker runs, beginning with what an earlier start left behind

const report = await makeGallery();
if (report && address) invite(address, report);
else if (report) await app.close();

/** The run of this start; null when Ctrl-C interrupts it, and Nest is about to end the process. */
async function makeGallery(): Promise<Report | null> {
  const terminal = new Terminal();
  try {
    const made = await app.get(Gallery).run(terminal);
    terminal.summarize(made);
    return made;
  } catch (error) {
    const stopped = error instanceof QueueClosedError;
    terminal.say(stopped ? 'Stopped. The next start goes on from here.' : 'The run failed.');
    if (stopped) return null;
    throw error;
  }
}

async function listen(): Promise<string> {
  const port = process.env.PORT ?? '3000';
  try {
    await app.listen(port);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    console.log(`Port ${port} is taken, so it will be another one. PORT=... chooses.`);
    await app.listen(0);
  }
  return (await app.getUrl()).replace('[::1]', 'localhost');
}

function invite(url: string, { id }: Report): void {
  app.useLogger(['fatal', 'error', 'warn', 'log']);
  console.log(`
Serving ${url} until Ctrl-C. Try:
  curl -X POST ${url}/thumbnails/fr
      enqueues a task and answers with its id
  curl ${url}/tasks/${id}/result
      waits for the result of a task
  curl -N ${url}/tasks/${id}/progress
      follows a task to its end
  curl ${url}/tasks
      counts the tasks`);
}
