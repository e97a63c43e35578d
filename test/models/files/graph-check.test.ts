import {
  ftruncateSync,
  mkdirSync,
  openSync,
  closeSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { checkGraph } from '../../../models/files/graph-check.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { externalTensor, message, model, node, tinyGraph, varint } from '../../support/onnx-bytes.js';

const FILES = ['onnx/model.onnx', 'onnx/model.onnx_data'];

function check(graph: Buffer, files: readonly string[] = FILES): void {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'onnx'));
  writeFileSync(join(folder, 'onnx/model.onnx'), graph);
  writeFileSync(join(folder, 'onnx/model.onnx_data'), 'weights');
  checkGraph(folder, 'onnx/model.onnx', files);
}

describe('weights outside of the graph', () => {
  test('may be in a file beside it', () => {
    expect(() => check(model([node('Add')], [externalTensor('model.onnx_data')]))).not.toThrow();
  });

  test.each(['../model.onnx_data', '/etc/passwd', 'a/b', 'a\\b', '..', '.', '', 'C:x', 'a\0b'])(
    'may not be in %j',
    (location) => {
      expect(() => check(model([node('Add')], [externalTensor(location)]))).toThrow(
        /only the name of a file beside it is allowed/,
      );
    },
  );

  test('are in a file that is hashed with the others', () => {
    expect(() => check(model([node('Add')], [externalTensor('other.bin')]))).toThrow(
      /add "onnx\/other.bin" to them/,
    );
  });

  test('are not reached by a link out of the folder', () => {
    const folder = temporaryFolder();
    const outside = join(temporaryFolder(), 'secret');
    writeFileSync(outside, 'x');
    symlinkSync(outside, join(folder, 'data'));
    writeFileSync(join(folder, 'model.onnx'), model([node('Add')], [externalTensor('data')]));
    expect(() => checkGraph(folder, 'model.onnx', ['model.onnx', 'data'])).toThrow(
      /it is a link to .*secret/,
    );
  });

  test('are found in attributes and in sub-graphs', () => {
    const constant = node('Constant', '', message([1, 'value'], [5, externalTensor('../a')]));
    expect(() => check(model([constant]))).toThrow(/"..\/a"/);
    const inner = message([1, constant]);
    const branch = node('If', '', message([1, 'then_branch'], [6, inner]));
    expect(() => check(model([branch]))).toThrow(/"..\/a"/);
  });
});

const made = (inner: Buffer): Buffer => message([1, 'Norm'], [7, inner], [10, 'pkg.made']);

describe('operators', () => {
  test.each(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft', 'ai.onnx.preview.training'])(
    'of the domain %j are the runtime’s',
    (domain) => {
      expect(() => check(model([node('Anything', domain)]))).not.toThrow();
    },
  );

  test('of another domain are refused by name', () => {
    expect(() => check(model([node('Add'), node('Sneak', 'my.ops')]))).toThrow(
      /needs my\.ops:Sneak: custom operators are off/,
    );
  });

  test('may be functions of the model itself, whose operators are checked', () => {
    const used = node('Norm', 'pkg.made');
    expect(() => check(model([used], [], [made(node('Mul'))]))).not.toThrow();
    expect(() => check(model([used], [], [made(node('Sneak', 'my.ops'))]))).toThrow(/my\.ops:Sneak/);
  });
});

test('a file that is no ONNX model is refused', () => {
  expect(() => check(Buffer.from('<html>not found</html>'))).toThrow(
    /cannot be read as an ONNX model|no ONNX model/,
  );
  expect(() => check(Buffer.alloc(0))).toThrow(/no ONNX model/);
  expect(() => check(tinyGraph.subarray(0, tinyGraph.length - 2))).toThrow(/cannot be read as an ONNX model/);
});

test('three gigabytes of weights are skipped without reading', () => {
  const bytes = 3 * 2 ** 30;
  // TensorProto.raw_data (9), within GraphProto.initializer (5), within ModelProto.graph (7); the file is sparse.
  const rawHead = Buffer.concat([varint(9 * 8 + 2), varint(bytes)]);
  const tensorHead = Buffer.concat([varint(5 * 8 + 2), varint(rawHead.length + bytes)]);
  const nodes = message([1, node('Sneak', 'my.ops')]);
  const graphHead = Buffer.concat([
    varint(7 * 8 + 2),
    varint(tensorHead.length + rawHead.length + bytes + nodes.length),
  ]);
  const folder = temporaryFolder();
  const descriptor = openSync(join(folder, 'model.onnx'), 'w');
  const head = Buffer.concat([graphHead, tensorHead, rawHead]);
  writeSync(descriptor, head);
  ftruncateSync(descriptor, head.length + bytes);
  writeSync(descriptor, nodes, 0, nodes.length, head.length + bytes);
  closeSync(descriptor);
  const before = process.resourceUsage().maxRSS;
  expect(() => checkGraph(folder, 'model.onnx', ['model.onnx'])).toThrow(/my\.ops:Sneak/);
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024);
});
