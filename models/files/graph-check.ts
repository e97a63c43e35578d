import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { liesBelow } from '../../common/contained.js';
import { PanicError } from '../../common/errors.js';
import { isThere } from '../../common/presence.js';
import { fieldsOf, openWire, type Wire, type WireField } from '../onnx/wire.js';

/**
 * Operator sets inside the runtime (https://onnxruntime.ai/docs/reference/operators/). The empty name is that of
 * ONNX itself.
 */
const BUILT_IN_DOMAINS = ['', 'ai.onnx', 'ai.onnx.ml', 'ai.onnx.preview.training', 'com.microsoft'];

type Message = keyof typeof MESSAGES;

/**
 * The messages through which the check walks, by message and field number of onnx.proto3
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3): those that lead to nodes and tensors, and no weights.
 */
const MESSAGES = {
  Model: { 7: 'Graph', 20: 'Training', 25: 'Function' },
  Training: { 1: 'Graph', 2: 'Graph' },
  Function: { 7: 'Node', 11: 'Attribute' },
  Graph: { 1: 'Node', 5: 'Tensor', 15: 'SparseTensor' },
  Node: { 5: 'Attribute' },
  Attribute: { 5: 'Tensor', 6: 'Graph', 10: 'Tensor', 11: 'Graph', 22: 'SparseTensor', 23: 'SparseTensor' },
  SparseTensor: { 1: 'Tensor', 2: 'Tensor' },
  Tensor: { 13: 'ExternalData' },
  ExternalData: {},
} as const;

/** The texts of a message that the check reads, by field number. */
const TEXTS: Readonly<Partial<Record<Message, Readonly<Record<number, string>>>>> = {
  Function: { 1: 'name', 10: 'domain' },
  Node: { 4: 'operator', 7: 'domain' },
  ExternalData: { 1: 'key', 2: 'value' },
};

interface GraphParts {
  /** `domain:operator` of every node, also of nodes in functions and sub-graphs. */
  readonly operators: Set<string>;
  /** `domain:name` of every function of the model itself. */
  readonly functions: Set<string>;
  /** Files that tensors name as their place. */
  readonly locations: Set<string>;
}

/**
 * Operators that run the content of another file. That is a context which another program compiled for its device,
 * and its path appears in no list of files
 * (https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html).
 */
const FOREIGN_CODE = ['com.microsoft:EPContext'];

/**
 * Checks a graph before the runtime opens it. Each file that holds its tensors must be one of the model's `files`,
 * with a plain name beside the graph, and no link may lead it out of the model's folder. Each operator must be the
 * runtime's own or a function of the model itself. The check reads the structure and skips the weights. Throws
 * PanicError `InvalidInput` that names what it refuses, and `ModelFilesMissing` where the file is no ONNX model.
 */
export function checkGraph(folder: string, graph: string, files: readonly string[]): void {
  const file = join(folder, graph);
  if (!graph.endsWith('.onnx')) {
    throw new PanicError(
      'InvalidInput',
      `${file} is no graph that can be opened: the name of one ends with .onnx; the runtime reads other files in other ways`,
    );
  }
  const { operators, functions, locations } = partsOf(file);
  const foreign = FOREIGN_CODE.filter((name) => operators.has(name));
  if (foreign.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `${file} has the operator ${foreign.join(', ')}, which runs what another file holds; take an export without it`,
    );
  }
  const custom = [...operators].filter((name) => !isBuiltIn(name) && !functions.has(name)).sort();
  if (custom.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `${file} needs ${custom.join(', ')}: custom operators are off, since they are code from elsewhere`,
    );
  }
  for (const location of locations) checkLocation(folder, graph, location, files);
}

function isBuiltIn(operator: string): boolean {
  return BUILT_IN_DOMAINS.includes(operator.slice(0, operator.lastIndexOf(':')));
}

function checkLocation(folder: string, graph: string, location: string, files: readonly string[]): void {
  const refuse = (why: string): never => {
    const where = join(folder, graph);
    throw new PanicError('InvalidInput', `${where} keeps weights in ${JSON.stringify(location)}: ${why}`);
  };
  const plain = !/[/\\:\0]/.test(location) && location !== '' && location !== '.' && location !== '..';
  if (!plain) refuse('only the name of a file beside it is allowed');
  const path = dirname(graph) === '.' ? location : `${dirname(graph)}/${location}`;
  if (!files.includes(path)) refuse(`that file is not among the model's files; add "${path}" to them`);
  // A pull fetches graphs first, so the file may be missing now.
  if (!isThere(join(folder, path))) return;
  const real = realpathSync(join(folder, path));
  if (!liesBelow(real, folder)) refuse(`it is a link to ${real}, out of the model's folder`);
}

function partsOf(file: string): GraphParts {
  const parts: GraphParts = { operators: new Set(), functions: new Set(), locations: new Set() };
  const wire = openWire(file);
  try {
    walk(wire, 'Model', { start: 0, end: wire.bytes }, parts);
  } catch (error) {
    throw new PanicError('ModelFilesMissing', `${file} cannot be read as an ONNX model`, { cause: error });
  } finally {
    wire.close();
  }
  if (parts.operators.size === 0)
    throw new PanicError('ModelFilesMissing', `${file} is no ONNX model: it has no operators`);
  return parts;
}

function walk(wire: Wire, message: Message, span: Pick<WireField, 'start' | 'end'>, parts: GraphParts): void {
  const children: Readonly<Record<number, Message>> = MESSAGES[message];
  const texts = TEXTS[message];
  const read: Record<string, string> = {};
  for (const field of fieldsOf(wire, span.start, span.end)) {
    const child = children[field.number];
    const text = texts?.[field.number];
    if (child !== undefined) walk(wire, child, field, parts);
    else if (text !== undefined) read[text] = wire.text(field);
  }
  const domain = read['domain'] ?? '';
  if (message === 'Node') parts.operators.add(`${domain}:${read['operator'] ?? ''}`);
  if (message === 'Function') parts.functions.add(`${domain}:${read['name'] ?? ''}`);
  if (message === 'ExternalData' && read['key'] === 'location') parts.locations.add(read['value'] ?? '');
}
