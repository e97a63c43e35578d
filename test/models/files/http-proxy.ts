import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { portOf } from '../../../workers/processes/free-ports.js';

/** A small HTTP proxy that opens tunnels (CONNECT) for clients that know its password. */
export class HttpProxy {
  /** `host:port` of each requested tunnel. */
  readonly tunnels: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((_, response) => response.writeHead(405).end());

  async start(): Promise<void> {
    this.#server.on('connect', (request, socket: Socket) => {
      this.#keep(socket);
      if (request.headers['proxy-authorization'] !== `Basic ${btoa('user:secret')}`) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      this.tunnels.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        target.pipe(socket);
        socket.pipe(target);
      });
      this.#keep(target);
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  urlFor(user: string): string {
    return `http://${user}@127.0.0.1:${portOf(this.#server)}`;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Either side may close before the other.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }
}
