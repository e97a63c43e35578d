/**
 * The request to a process that decodes. It has one picture at a time, and the pixel count that the picture's
 * header says.
 */
export interface DecodeRequest {
  readonly bytes: Uint8Array;
  readonly pixels: number;
}

export type DecodeReply =
  | {
      readonly ok: true;
      readonly width: number;
      readonly height: number;
      /** Whether no pixel is transparent. */
      readonly opaque: boolean;
      /** RGB, 8 bits each. */
      readonly pixels: Uint8Array;
    }
  | { readonly ok: false; readonly message: string };

export function isDecodeRequest(message: unknown): message is DecodeRequest {
  const { bytes, pixels } = fieldsOf(message);
  return bytes instanceof Uint8Array && typeof pixels === 'number';
}

export function isDecodeReply(message: unknown): message is DecodeReply {
  const { ok, width, height, opaque, pixels, message: why } = fieldsOf(message);
  if (ok === false) return typeof why === 'string';
  return (
    ok === true &&
    typeof width === 'number' &&
    typeof height === 'number' &&
    typeof opaque === 'boolean' &&
    ArrayBuffer.isView(pixels)
  );
}

function fieldsOf(message: unknown): Readonly<Record<string, unknown>> {
  return typeof message === 'object' && message !== null ? { ...message } : {};
}
