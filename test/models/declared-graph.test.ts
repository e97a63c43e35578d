/** @jest-environment ./test/models/native-arrays-environment.mjs */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { InferenceSession } from 'onnxruntime-node';
import { filesIn } from '../../models/files/layout.js';
import { declaredGraph } from '../../models/onnx/declared-graph.js';
import { message, node } from '../support/onnx-bytes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const fixtures = join(import.meta.dirname, '../fixtures');
const graphs = filesIn(fixtures).filter((file) => file.endsWith('.onnx'));

test("declarations of graphs agree with the runtime's sessions", async () => {
  expect(graphs.length).toBeGreaterThan(30);
  for (const graph of graphs) {
    const file = join(fixtures, graph);
    const session = await InferenceSession.create(file).catch(() => null);
    // For example bfloat16, which the runtime's binding does not pass.
    if (session === null) continue;
    const { inputMetadata, outputMetadata } = declaredGraph(file);
    expect([graph, inputMetadata]).toEqual([graph, session.inputMetadata]);
    for (const [k, declared] of outputMetadata.entries()) {
      const told = session.outputMetadata[k]!;
      if (!told.isTensor || !declared.isTensor) throw new Error(`${graph}: ${told.name} is no tensor`);
      expect({ ...declared, shape: [] }).toEqual({ ...told, shape: [] });
      // The runtime may conclude what the graph leaves open.
      for (const [axis, size] of declared.shape.entries()) {
        if (typeof size === 'number') expect(told.shape[axis]).toBe(size);
      }
    }
  }
});

test('the type of an output that a graph leaves to the runtime is left open', async () => {
  const floats = message([1, Buffer.from([8, 1])]);
  const graph = message(
    [1, node('Identity')],
    [2, 'g'],
    [11, message([1, 'in'], [2, floats])],
    [12, message([1, 'out'])],
  );
  const operators = Buffer.concat([message([1, '']), Buffer.from([16, 17])]);
  const file = join(temporaryFolder(), 'open.onnx');
  writeFileSync(file, Buffer.concat([Buffer.from([8, 8]), message([7, graph], [8, operators])]));
  const session = await InferenceSession.create(file);
  expect(session.outputMetadata).toMatchObject([{ name: 'out', isTensor: true, type: 'float32' }]);
  expect(declaredGraph(file).outputMetadata).toEqual([{ name: 'out', isTensor: false }]);
});

test('files that are no graphs are recognised', () => {
  const folder = temporaryFolder();
  const whole = readFileSync(join(fixtures, graphs[0]!));
  for (const [name, bytes] of Object.entries({
    cut: whole.subarray(0, whole.length - 100),
    text: Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
    empty: Buffer.alloc(0),
  })) {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    expect(() => declaredGraph(file)).toThrow(`${file} cannot be read as an ONNX model`);
  }
});
