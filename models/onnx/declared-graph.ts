import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { errorMessage, PanicError } from '../../common/errors.js';
import { fieldsOf, numbersOf, openWire, type Wire, type WireField } from './wire.js';

type Metadata = InferenceSession.ValueMetadata;

/** What a graph's file declares of its inputs and outputs, in the form of the runtime's sessions. */
export interface DeclaredGraph {
  readonly inputMetadata: readonly Metadata[];
  readonly outputMetadata: readonly Metadata[];
}

/** Fields of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3), by message. */
const MODEL = { graph: 7 } as const;
const GRAPH = { initializer: 5, input: 11, output: 12, sparseInitializer: 15 } as const;
const VALUE = { name: 1, type: 2 } as const;
const TYPE = { tensor: 1 } as const;
const TENSOR_TYPE = { element: 1, shape: 2 } as const;
const SHAPE = { dimension: 1 } as const;
const DIMENSION = { value: 1, symbol: 2 } as const;
const TENSOR = { name: 8 } as const;
const SPARSE_TENSOR = { values: 1 } as const;

/** ONNX's numbers of element types, with the runtime's names of those that its binding for Node passes. */
const ELEMENTS: Readonly<Record<number, Tensor.Type>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
};

/**
 * Reads a graph's declarations, and none of its weights. It concludes nothing from the graph's nodes, as the
 * runtime would: such dimensions stay open, and an output without a declared type counts as no tensor. Throws
 * PanicError `ModelFilesMissing` for a file that is no ONNX model, and `InvalidInput` for inputs and outputs that
 * the runtime's binding cannot pass.
 */
export function declaredGraph(file: string): DeclaredGraph {
  const wire = openWire(file);
  try {
    return graphOf(wire, file);
  } catch (error) {
    if (error instanceof PanicError) throw error;
    const why = errorMessage(error);
    throw new PanicError('ModelFilesMissing', `${file} cannot be read as an ONNX model: ${why}`, {
      cause: error,
    });
  } finally {
    wire.close();
  }
}

function graphOf(wire: Wire, file: string): DeclaredGraph {
  const graph = within(wire, { start: 0, end: wire.bytes }, MODEL.graph)[0];
  if (graph === undefined) throw new Error('it has no graph');
  // Old exporters also list weights among the inputs.
  const weights = new Set([
    ...within(wire, graph, GRAPH.initializer).map((tensor) => textIn(wire, tensor, TENSOR.name)),
    ...within(wire, graph, GRAPH.sparseInitializer)
      .flatMap((sparse) => within(wire, sparse, SPARSE_TENSOR.values))
      .map((tensor) => textIn(wire, tensor, TENSOR.name)),
  ]);
  const values = (number: number): Metadata[] =>
    within(wire, graph, number).map((value) => metadataOf(wire, value, file));
  return {
    inputMetadata: values(GRAPH.input).filter(({ name }) => !weights.has(name)),
    outputMetadata: values(GRAPH.output),
  };
}

/** An input or output whose type the runtime's binding for Node cannot pass. `element` is the type's number in ONNX. */
export class UnpassableType extends PanicError {
  constructor(
    file: string,
    name: string,
    readonly element: number,
  ) {
    super('InvalidInput', `${file}: "${name}" cannot be passed: Unsupported data type: ${element}`);
  }
}

function metadataOf(wire: Wire, value: WireField, file: string): Metadata {
  const name = textIn(wire, value, VALUE.name);
  const tensor = within(wire, value, VALUE.type).flatMap((type) => within(wire, type, TYPE.tensor))[0];
  const element = tensor && numbersOf(wire, tensor.start, tensor.end).get(TENSOR_TYPE.element);
  if (tensor === undefined || element === undefined) return { name, isTensor: false };
  const type = ELEMENTS[element];
  if (type === undefined) {
    throw new UnpassableType(file, name, element);
  }
  const shape = within(wire, tensor, TENSOR_TYPE.shape)
    .flatMap((dimensions) => within(wire, dimensions, SHAPE.dimension))
    .map((dimension) => sizeOf(wire, dimension));
  return { name, isTensor: true, type, shape };
}

/** A number, or the name of a dimension of any size. */
function sizeOf(wire: Wire, dimension: WireField): number | string {
  const size = numbersOf(wire, dimension.start, dimension.end).get(DIMENSION.value);
  return size !== undefined && Number.isSafeInteger(size) ? size : textIn(wire, dimension, DIMENSION.symbol);
}

function within(wire: Wire, { start, end }: Pick<WireField, 'start' | 'end'>, number: number): WireField[] {
  return [...fieldsOf(wire, start, end)].filter((field) => field.number === number);
}

function textIn(wire: Wire, message: WireField, number: number): string {
  const [field] = within(wire, message, number);
  return field === undefined ? '' : wire.text(field);
}
