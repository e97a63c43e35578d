import { afterAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describerAt, send, startModelServer } from '../support/model-server.js';
import { openLaboratory } from '../support/laboratory.js';
import { withStore } from '../support/store-checks.js';

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-servers-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('an experiment that a user starts by hand is refused if a server of its models does not serve them, or is down', async () => {
  const server = await startModelServer();
  const file = join(folder, 'catalogue.json');
  writeFileSync(file, JSON.stringify({ models: [describerAt(server.base, 'image')] }));
  const laboratory = await openLaboratory({ PANIC_TDA_CATALOGUE: file });
  const experiment = {
    networks: [['ProceduralPainter', 'ServedDescriber']],
    prompts: ['a red barn'],
    seeds: [1],
    embedding_models: [],
    max_length: 4,
  };
  const refusal = async (name: string): Promise<unknown> => {
    const error: unknown = await laboratory
      .run({ ...experiment, name }, name)
      .catch((failed: unknown) => failed);
    return error instanceof Error && error.cause instanceof Error ? error.cause.cause : undefined;
  };
  try {
    server.interfere(({ path }, response) => {
      if (path !== '/v1/models') return false;
      send(response, 200, { data: [{ id: 'another' }] });
      return true;
    });
    expect(await refusal('not served')).toMatchObject({
      type: 'InvalidInput',
      nonRetryable: true,
      message: expect.stringMatching(/ServedDescriber: .* does not serve "tiny"; it lists another/),
    });
    await server.close();
    expect(await refusal('down')).toMatchObject({
      type: 'InvalidInput',
      message: expect.stringMatching(/ServedDescriber: .*ECONNREFUSED/),
    });
    expect(await withStore(laboratory.data, ({ experiments }) => experiments.list())).toEqual([]);
  } finally {
    await laboratory.close();
    await server.close().catch(() => undefined);
  }
});
