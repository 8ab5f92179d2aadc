import { Socket } from 'node:net';

/** The sockets under connections, to be closed without the goodbye that nobody may answer. */
export class Sockets {
  private readonly open = new Set<Socket>();

  /** @param make where the application has a way of its own to make them. */
  constructor(private readonly make: (options: unknown) => Socket = () => new Socket()) {}

  readonly create = (options: unknown): Socket => {
    const socket = this.make(options);
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
    return socket;
  };

  destroyAll(): void {
    for (const socket of this.open) socket.destroy();
  }
}
