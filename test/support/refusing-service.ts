import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';

export interface RefusingService {
  /** host:port */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * A service that speaks gRPC over HTTP/2 without TLS and answers each request with a status, like a hosted
 * Temporal that refuses credentials. `codeOf` gives the status of a method, such as `DescribeNamespace`.
 */
export async function openRefusingService(codeOf: (method: string) => number): Promise<RefusingService> {
  return await listening((stream, headers) => refuse(stream, codeOf(methodOf(headers)), 'so says the test'));
}

/**
 * A proxy for the service at `real`, which refuses some methods with PERMISSION_DENIED, like an authorizer.
 */
export async function openRefusingProxy(
  real: string,
  refused: ReadonlySet<string>,
): Promise<RefusingService> {
  const far = connect(`http://${real}`);
  far.on('error', () => undefined);
  const proxy = await listening((near, headers) => {
    if (refused.has(methodOf(headers))) {
      refuse(near, 7, 'Request unauthorized.');
      return;
    }
    const { ':path': path, ':method': method, ...rest } = headers;
    const own = Object.entries(rest).filter(([name]) => !name.startsWith(':'));
    const asking = far.request({ ':path': path, ':method': method, ...Object.fromEntries(own) });
    let trailers: IncomingHttpHeaders = {};
    asking
      .on('error', () => near.destroy())
      .on('trailers', (received) => (trailers = received))
      .on('response', (received, flags) => {
        const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
        near.respond(received, ended ? { endStream: true } : { waitForTrailers: true });
        if (!ended) asking.pipe(near);
      });
    near
      .on('wantTrailers', () => near.sendTrailers(trailers))
      .on('close', () => asking.close())
      .pipe(asking);
  });
  return {
    address: proxy.address,
    close: async () => {
      far.destroy();
      await proxy.close();
    },
  };
}

function methodOf(headers: IncomingHttpHeaders): string {
  return String(headers[':path']).split('/').at(-1) ?? '';
}

function refuse(stream: ServerHttp2Stream, code: number, message: string): void {
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': String(code),
      'grpc-message': message,
    },
    { endStream: true },
  );
  stream.resume();
}

async function listening(
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<RefusingService> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    onStream(stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    address: `127.0.0.1:${address.port}`,
    close: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
