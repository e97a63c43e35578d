import { afterAll, expect, jest, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { openFleet } from '../support/fleet.js';
import { experimentFile } from '../support/laboratory.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { isFullRange } from '../support/range.js';
import { readJson } from '../support/json.js';

jest.setTimeout(480_000);
afterAll(cleanUp);

const EXAMPLE = readJson(
  readFileSync(new URL('../../examples/trained-loop.json', import.meta.url), 'utf8'),
  z.looseObject({ prompts: z.array(z.string()), max_length: z.number() }),
);

/** By day few and short runs: most of the time goes into calls of the models. */
const experiment = isFullRange()
  ? EXAMPLE
  : { ...EXAMPLE, prompts: EXAMPLE.prompts.slice(0, 2), max_length: 6 };

test('the example of trained models runs from a clone without any download (by day with fewer and shorter runs), and every call of it can be made again', async () => {
  const models = join(folderWith(), 'models');
  const fleet = await openFleet(null, {
    PANIC_TDA_MODELS: models,
    PANIC_TDA_DEVICE: 'cpu',
    HF_ENDPOINT: 'http://127.0.0.1:2',
  });
  try {
    await fleet.worker([]);
    const file = experimentFile(fleet.folder, 'experiment', experiment);
    const run = await fleet.shortCommand(['run', file, '--json']);
    expect(run.code).toBe(0);
    const {
      experiment: id,
      runs,
      cycles,
    } = readJson(
      run.stdout,
      z.object({ experiment: z.string(), runs: z.looseObject({ finished: z.number() }), cycles: z.number() }),
    );
    expect(runs.finished).toBe(2 * experiment.prompts.length);
    expect(cycles).toBeGreaterThan(0);
    const again = await fleet.shortCommand([
      'verify',
      id,
      '--sample',
      isFullRange() ? '20%' : '40%',
      '--json',
    ]);
    const { sampled, equal } = readJson(again.stdout, z.object({ sampled: z.number(), equal: z.number() }));
    expect(sampled).toBeGreaterThan(isFullRange() ? 20 : 5);
    expect(equal).toBe(sampled);
    expect((await fleet.shortCommand(['doctor', '--deep'])).code).toBe(0);
    expect(existsSync(join(models, 'models.lock.json'))).toBe(false);
  } finally {
    await fleet.close();
  }
});

test('files of the program are neither pulled nor removed, and the messages say why', async () => {
  const folder = folderWith({});
  const env = { PANIC_TDA_MODELS: join(folder, 'models') };
  for (const command of ['pull', 'remove']) {
    const refused = await runCommand(folder, ['models', command, 'ShapesPainter'], env);
    expect(refused.stderr).toContain('part of panic-tda');
    expect(refused.code).toBe(2);
  }
  const verified = await runCommand(folder, ['models', 'verify', '--json'], env);
  expect(verified.code).toBe(0);
  const shown = await runCommand(folder, ['models', 'show', 'ShapesCaptioner'], env);
  expect(shown.stdout).toContain('All files are verified');
});
