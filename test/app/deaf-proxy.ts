import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { urlWith } from './databases/databases.js';

/** What PostgreSQL calls a NotificationResponse. */
const NOTIFICATION = 'A'.charCodeAt(0);
/** A letter and four bytes of length, which counts itself. */
const HEADER = 5;

/**
 * Stands before a PostgreSQL and lets everything pass but notifications, as a pooler in
 * transaction mode does.
 */
export async function startDeafProxy(url: string): Promise<{ url: string; close(): void }> {
  const { hostname: host, port } = new URL(url);
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect({ host, port: Number(port) });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.setNoDelay();
      socket.on('error', () => [client, server].forEach((each) => each.destroy()));
      socket.on('close', () => [client, server].forEach((each) => each.destroy()));
    }
    client.pipe(server);
    server.on(
      'data',
      withoutNotifications((message) => client.write(message)),
    );
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    url: urlWith(url, { port: (proxy.address() as AddressInfo).port }),
    close: () => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function withoutNotifications(pass: (message: Buffer) => void): (data: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= HEADER) {
      const length = 1 + rest.readUInt32BE(1);
      if (rest.length < length) return;
      if (rest[0] !== NOTIFICATION) pass(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}
