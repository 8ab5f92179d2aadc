/**
 * A process for one measurement, or for a part of one: what to do comes as JSON in the first
 * argument, what came of it leaves as the last line.
 */
const { role, ...args } = JSON.parse(process.argv[2]);
const { play } = await import(`./roles/${role}.mjs`);
const outcome = await play(args);
process.stdout.write(`\n${JSON.stringify(outcome ?? null)}\n`);
process.exit(); // peers leave timers and connections behind
