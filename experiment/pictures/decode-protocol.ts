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
