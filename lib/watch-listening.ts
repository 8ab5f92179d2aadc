import { errorMonitor, EventEmitter } from 'node:events';

/** What becomes of an HTTP server. */
interface ListenEvents {
  /** It does not listen, and something else than us is told so, too. */
  readonly onFailed: (error: unknown) => void;
  readonly onListening: () => void;
}

/**
 * Tells whether a server listens when it is asked to. Nothing is told of one that never is, nor of
 * what is no server, as the stand-in of an application without one.
 *
 * @returns what ends it.
 */
export function watchListening(
  server: unknown,
  { onFailed, onListening }: ListenEvents,
): () => void {
  if (!(server instanceof EventEmitter)) return () => undefined;
  const onError = (error: unknown) => {
    if (!(server as { listening?: boolean }).listening) onFailed(error);
  };
  server.on(errorMonitor, onError); // who only looks does not handle: it is thrown where nobody does
  server.on('listening', onListening);
  return () => {
    server.off(errorMonitor, onError);
    server.off('listening', onListening);
  };
}
