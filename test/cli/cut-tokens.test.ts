import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { Artifact } from '../../experiment/artifact.js';
import { experimentId } from '../../experiment/ids.js';
import { catalogue } from '../../models/index.js';
import { picture } from '../support/small-experiment.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { dummyConfig, storeOutputs } from '../support/stored-run.js';
import { z } from 'zod';

afterAll(cleanUp);

const folder = folderWith();
const config = { ...dummyConfig, max_length: 3 };
const id = experimentId(config);

beforeAll(async () => {
  const fingerprint = {
    runtime: 'onnxruntime',
    runtimeVersion: '1',
    device: 'cpu',
    dtype: 'fp32',
    files: {},
  };
  const outputs: Artifact[] = [
    picture(2, 2, Uint8Array.of(1, 2, 3)),
    { modality: 'text', text: 'a very long caption' },
    picture(2, 2, Uint8Array.of(4, 5, 6)),
  ];
  const store = await storeOutputs(
    join(folder, 'panic-tda-data'),
    config,
    fingerprint,
    outputs,
    [0, 0, 1234],
  );
  const run = await store.runs.get(id, 0);
  const modelId = await store.provenance.modelId(catalogue.get('Dummy')!);
  const [pending] = await store.vectors.pending(run, modelId, 'text');
  const vector = new Float32Array(768).fill(1);
  await store.vectors.commit(
    [{ pending: pending!, vector, computeMs: 1, cutTokens: 12 }],
    modelId,
    await store.provenance.hostId(fingerprint),
  );
  await store.close();
});

test('show says how many inputs and outputs models could not read to the end, and by how much', async () => {
  const { code, stdout } = await runCommand(folder, ['show', id, '0']);
  expect(stdout).toMatch(/^cut +1 step of 3, by up to 1,?234 tokens/m);
  expect(stdout).toMatch(/^cut +1 output for Dummy, by up to 12 tokens/m);
  expect(code).toBe(0);
  const document = z
    .object({
      trajectory: z.array(z.object({ cutTokens: z.number().nullable() })),
      cutOutputs: z.unknown(),
    })
    .parse(await runJson(folder, ['show', id, '0']));
  expect(document.trajectory.map(({ cutTokens }) => cutTokens)).toEqual([null, null, 1234]);
  expect(document.cutOutputs).toEqual([{ model: 'Dummy', outputs: 1, mostTokens: 12 }]);
});
