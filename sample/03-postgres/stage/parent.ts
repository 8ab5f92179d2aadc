/**
 * Ends this process in order when the one that forked it is gone, however that came: by Ctrl-C, or
 * by kill -9. Does nothing in a process that was started by hand.
 */
export function endWithParent(): void {
  const end = () => process.kill(process.pid, 'SIGTERM');
  if (process.connected === false) end();
  process.once('disconnect', end);
}

/** Who is gone is told nothing. */
export function tellParent(message: string): void {
  if (process.connected) process.send!(message, undefined, undefined, () => undefined);
}
