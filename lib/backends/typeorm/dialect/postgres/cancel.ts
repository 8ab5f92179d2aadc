import type { Client, ClientBase } from 'pg';
import { within } from '../../../../core/within.js';

/** How long the server may take for a cancel, in ms. */
const PATIENCE = 2000;

/** What `pg` has under a client. */
interface Connection {
  readonly stream: { readonly destroyed: boolean; destroy(): void };
  connect(port: number | string, host?: string): void;
  cancel(processId: number, secretKey: number): void;
  on(event: 'connect' | 'end' | 'error', listener: () => void): void;
}

interface Session {
  readonly connection: Connection;
  readonly processID: number | null;
  readonly secretKey: number;
  readonly host: string;
  readonly port: number;
}

/**
 * Ends what a client has the server do, as Ctrl-C in psql does: also a wait for a lock or for a
 * standby, of which a connection that is merely closed would know nothing. It costs the server no
 * connection: it is answered by its end, before anybody logs in.
 *
 * @param create makes a client of the same kind, which connects to nothing.
 */
export async function cancel(client: ClientBase, create: () => Client): Promise<void> {
  const { connection: own, processID, secretKey, host, port } = client as unknown as Session;
  if (processID === null || own.stream.destroyed) return;
  const { connection } = create() as unknown as { connection: Connection };
  const over = new Promise<void>((resolve) => {
    connection.on('connect', () => connection.cancel(processID, secretKey));
    connection.on('end', resolve);
    connection.on('error', resolve);
  });
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, host);
  await within(PATIENCE, over);
  connection.stream.destroy();
}
