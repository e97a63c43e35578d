import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import type { Socket } from 'node:net';

/** The answer to a gRPC request (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
export interface UnaryAnswer {
  /** Null if what answers speaks HTTP/2, but no gRPC. */
  readonly grpcStatus: number | null;
  readonly grpcMessage: string;
  readonly httpStatus: number;
  /** The message as protobuf encodes it; empty if none came. */
  readonly message: Buffer;
}

interface Request {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly authority: string;
  readonly secure: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** As protobuf encodes it. */
  readonly message?: Buffer;
  readonly withinMs: number;
}

/** More than any answer that we ask for. */
const MOST_ANSWER_BYTES = 2 ** 22;
const FRAME_HEAD_BYTES = 5;

/**
 * Sends one message over a connected socket, and ends the socket. Rejects if the other side speaks no HTTP/2,
 * or does not answer in time.
 */
export async function unaryCall(socket: Socket, request: Request): Promise<UnaryAnswer> {
  const session = connect(`${request.secure ? 'https' : 'http'}://${request.authority}`, {
    createConnection: () => socket,
  });
  try {
    return await new Promise<UnaryAnswer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new NothingCameBack(request.withinMs)), request.withinMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      session.on('error', fail).on('close', () => fail(new Error('it closed the connection')));
      socket.on('error', fail);
      const stream = session.request({
        ':method': 'POST',
        ':path': request.path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...request.headers,
      });
      let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
      let trailers: IncomingHttpHeaders = {};
      const chunks: Buffer[] = [];
      let bytes = 0;
      stream
        .on('response', (received) => (headers = received))
        .on('trailers', (received) => (trailers = received))
        .on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MOST_ANSWER_BYTES)
            fail(new Error(`its answer has more than ${MOST_ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        })
        .on('error', fail)
        .on('end', () => {
          const { ':status': status } = headers;
          if (status === undefined) return;
          clearTimeout(timer);
          resolve(answerOf({ ...headers, ...trailers }, status, Buffer.concat(chunks)));
        });
      stream.end(framed(request.message ?? Buffer.alloc(0)));
    });
  } finally {
    session.destroy();
    socket.destroy();
  }
}

/** The other side did not answer in time. */
export class NothingCameBack extends Error {
  constructor(withinMs: number) {
    super(`nothing came back within ${withinMs / 1000} s`);
  }
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function answerOf(headers: IncomingHttpHeaders, httpStatus: number, body: Buffer): UnaryAnswer {
  const status = headers['grpc-status'];
  return {
    grpcStatus: typeof status === 'string' ? Number(status) : null,
    grpcMessage: decoded(String(headers['grpc-message'] ?? '')),
    httpStatus,
    message: body.subarray(FRAME_HEAD_BYTES),
  };
}

function decoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
