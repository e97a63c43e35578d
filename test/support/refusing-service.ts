import {
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2';

export interface RefusingService {
  /** host:port */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * A service that speaks gRPC over HTTP/2 without TLS and answers each request with a status, as a hosted Temporal does that refuses
 * credentials. `codeOf` gives the status of a method, such as `DescribeNamespace`.
 */
export async function openRefusingService(codeOf: (method: string) => number): Promise<RefusingService> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    const method = String(headers[':path']).split('/').at(-1) ?? '';
    stream.on('error', () => undefined);
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(codeOf(method)),
        'grpc-message': 'so says the test',
      },
      { endStream: true },
    );
    stream.resume();
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

/** The service at `real`, of which a proxy refuses some methods with PERMISSION_DENIED, as an authorizer does. */
export async function openRefusingProxy(
  real: string,
  refused: ReadonlySet<string>,
): Promise<RefusingService> {
  const far = connect(`http://${real}`);
  far.on('error', () => undefined);
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (near, headers) => {
    near.on('error', () => undefined);
    if (refused.has(String(headers[':path']).split('/').at(-1) ?? '')) {
      near.respond(
        {
          ':status': 200,
          'content-type': 'application/grpc',
          'grpc-status': '7',
          'grpc-message': 'Request unauthorized.',
        },
        { endStream: true },
      );
      near.resume();
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    address: `127.0.0.1:${address.port}`,
    close: async () => {
      for (const session of sessions) session.destroy();
      far.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
