/**
 * The program and device that computed an output. The store keeps each distinct record once, and every
 * invocation and vector points at its record.
 */
export interface Fingerprint {
  /** 'typescript' for built-in models, 'onnxruntime' for neural ones, 'server' for those behind a server. */
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly device: string;
  readonly dtype: string;
  /** SHA-256 (hex) by file name of the model's files; empty for built-in models. */
  readonly files: Readonly<Record<string, string>>;
  /**
   * Version of the code that turns texts into tokens and tokens into texts; absent if the model does neither.
   */
  readonly tokenizers?: string;
  /** The name under which a model behind a server answers; `device` is then the server's address. */
  readonly served?: string;
}
