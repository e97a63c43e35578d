import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { PanicError } from '../../common/errors.js';
import type { ModelFiles } from '../files/model-files.js';
import type { LoadTask } from '../loaded-model.js';
import { floatsOf } from '../onnx/floats.js';
import { toHalf } from '../onnx/half.js';
import { isAboutBfloat16, runtimeError } from '../onnx/runtime-error.js';
import { NothingComputes, type OpenGraph, openSession } from '../onnx/session.js';
import type { Statement } from '../agreement.js';
import type { Floats, Numbers } from './tensors.js';

/**
 * An ONNX graph that takes numbers, whatever their type in the graph (float32, float16, int64, int32), and gives
 * floats. Its weights may have other types (int8, int4), and its data may lie in files beside it.
 */
export class Graph {
  readonly #session: OpenGraph;
  readonly #file: string;
  readonly #inputs: ReadonlyMap<string, InferenceSession.TensorValueMetadata>;

  private constructor(session: OpenGraph, file: string) {
    this.#session = session;
    this.#file = file;
    this.#inputs = new Map(
      session.inputMetadata.flatMap((input) => (input.isTensor ? [[input.name, input]] : [])),
    );
  }

  /**
   * Opens one of the model's files. Throws PanicError as `ModelFiles.graph`, `DeviceError` where the runtime cannot
   * open the graph on the device, and `InvalidInput` where the graph takes numbers of a type that this program
   * cannot pass, or gives bfloat16.
   */
  static async open(files: ModelFiles, path: string, device: LoadTask['device']): Promise<Graph> {
    const file = files.nameOf(path);
    const session = await openSession(files, path, device).catch((error: unknown) => {
      throw isAboutBfloat16(error) ? unpassable(file, 'an input or output', 'bfloat16') : error;
    });
    for (const value of session.inputMetadata) {
      if (value.isTensor && tensorOf[value.type]) continue;
      throw unpassable(file, `"${value.name}"`, value.isTensor ? value.type : 'no tensor');
    }
    return new Graph(session, file);
  }

  takes(input: string): boolean {
    return this.#inputs.has(input);
  }

  /** The name of the graph's one input; `usual` where the graph has several. */
  onlyInput(usual: string): string {
    const [name, ...others] = this.#inputs.keys();
    return name === undefined || others.length > 0 ? usual : name;
  }

  /** Number of dimensions of an input; 0 for a single number. */
  rank(input: string): number {
    return this.#inputs.get(input)?.shape.length ?? 0;
  }

  /** The size that the graph declares for a dimension of an input (-1 is the last); null where it takes any size. */
  inputDim(input: string, axis: number): Statement {
    return this.#declared(`the input ${input}`, this.#inputs.get(input)?.shape, axis);
  }

  /** The size that the graph declares for a dimension of an output, likewise. */
  outputDim(output: string, axis: number): Statement {
    const found = this.#session.outputMetadata.find(({ name }) => name === output);
    return this.#declared(`the output ${output}`, found?.isTensor === true ? found.shape : undefined, axis);
  }

  #declared(what: string, shape: readonly (number | string)[] | undefined, axis: number): Statement {
    const value = shape?.at(axis);
    return {
      value: typeof value === 'number' && value > 0 ? value : null,
      where: `${this.#file}: ${what}`,
    };
  }

  /** Throws PanicError `InvalidInput` unless these are the graph's inputs. */
  requireInputs(names: readonly string[]): void {
    const missing = [...this.#inputs.keys()].filter((name) => !names.includes(name));
    const unknown = names.filter((name) => !this.#inputs.has(name));
    if (missing.length === 0 && unknown.length === 0) return;
    throw new PanicError(
      'InvalidInput',
      `${this.#file} takes ${[...this.#inputs.keys()].join(', ')}; ` +
        `this kind of pipeline gives it ${names.join(', ')}`,
    );
  }

  get file(): string {
    return this.#file;
  }

  get outputs(): readonly string[] {
    return this.#session.outputNames;
  }

  /**
   * Runs the graph. `feeds` has a value for each of its inputs and no others. Throws PanicError `InvalidInput`
   * where the feeds do not fit, and `DeviceError` where the runtime fails.
   */
  async run(feeds: Readonly<Record<string, Numbers>>): Promise<ReadonlyMap<string, Floats>> {
    this.requireInputs(Object.keys(feeds));
    const tensors: Record<string, Tensor> = {};
    for (const [name, numbers] of Object.entries(feeds)) {
      const make = tensorOf[this.#inputs.get(name)!.type]!;
      tensors[name] = make(numbers.data, numbers.dims, `${this.#file}: "${name}"`);
    }
    const answer = await this.#session.run(tensors).catch((error: unknown) => {
      if (error instanceof NothingComputes) throw error;
      throw runtimeError(`${this.#file}: onnxruntime failed`, error);
    });
    return new Map(
      this.outputs.map((name) => [name, { data: floatsOf(answer[name]!), dims: answer[name]!.dims }]),
    );
  }

  /** Runs the graph and returns its first output. Throws as `run`. */
  async answer(feeds: Readonly<Record<string, Numbers>>): Promise<Floats> {
    return (await this.run(feeds)).get(this.outputs[0]!)!;
  }
}

/** Makes a tensor of each type that this program can pass to a graph. */
const tensorOf: Partial<
  Record<Tensor.Type, (data: Numbers['data'], dims: readonly number[], where: string) => Tensor>
> = {
  float32: (data, dims) =>
    new Tensor('float32', data instanceof Float32Array ? data : Float32Array.from(data), dims),
  float16: (data, dims) => new Tensor('float16', toHalf(data), dims),
  int64: (data, dims, where) =>
    new Tensor(
      'int64',
      BigInt64Array.from(data, (value) => BigInt(whole(value, where))),
      dims,
    ),
  int32: (data, dims, where) =>
    new Tensor(
      'int32',
      Int32Array.from(data, (value) => whole(value, where)),
      dims,
    ),
};

function unpassable(file: string, what: string, type: string): PanicError {
  return new PanicError(
    'InvalidInput',
    `${file}: ${what} is ${type}; float32, float16, int64 and int32 can be passed to graphs. ` +
      'Take an export whose inputs and outputs are of one of these types',
  );
}

function whole(value: number, where: string): number {
  if (Number.isInteger(value)) return value;
  throw new PanicError(
    'InvalidInput',
    `${where} takes whole numbers; it was to be given ${value}. A scheduler without fractional timesteps would do`,
  );
}
