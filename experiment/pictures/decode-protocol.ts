/** What a process that decodes is sent: one picture at a time, whose header says that it is of so many pixels. */
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
