/** What computed an output, stored once per distinct record and pointed at by every invocation and vector. */
export interface Fingerprint {
  /** 'typescript' for built-in models, 'onnxruntime' for neural ones, 'server' for those behind a server. */
  readonly runtime: string;
  readonly runtimeVersion: string;
  readonly device: string;
  readonly dtype: string;
  /** SHA-256 (hex) by file name of the model's files; empty for built-in models. */
  readonly files: Readonly<Record<string, string>>;
  /** Version of the code that makes tokens of texts, and texts of tokens; absent where the model does neither. */
  readonly tokenizers?: string;
  /** What a model behind a server answers as; `device` is then the server's address. */
  readonly served?: string;
}
