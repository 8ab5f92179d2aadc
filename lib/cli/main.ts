#!/usr/bin/env node
import { runCli } from './run-cli.js';
import { Terminal } from './terminal.js';

/** How long a connection to a server that hangs may keep the process, in ms. */
const LONGEST_GOODBYE = 2000;

const terminal = new Terminal(process.stdout, process.stderr);
await runCli(process.argv.slice(2), terminal);
process.exitCode = terminal.exitCode;
setTimeout(() => process.exit(), LONGEST_GOODBYE).unref();
