import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { TINY_MODELS, tinyCatalogue } from '../support/tiny-models.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

afterAll(cleanUp);

const fixtures = join(import.meta.dirname, '../fixtures');

const PlanDocument = z.object({
  unfitModels: z.array(z.strictObject({ name: z.string(), why: z.string() })),
});

/** A folder with verified copies of the tiny models, changed by `change`. */
async function verified(
  change: (models: string) => void,
): Promise<{ folder: string; env: Record<string, string> }> {
  const folder = folderWith({
    'experiment.json': {
      networks: [['TinyPainter', 'TinyCaptioner']],
      prompts: ['a red fox'],
      seeds: [3],
      embedding_models: ['TinyWords', 'TinyLooks'],
      max_length: 4,
    },
  });
  const copies = join(folder, 'fixtures');
  for (const name of ['diffusion/sd', 'captioners/smolvlm-tiny', 'embedders/mpnet', 'embedders/dinov2']) {
    cpSync(join(fixtures, name), join(copies, name), { recursive: true });
  }
  change(copies);
  writeFileSync(join(folder, 'catalogue.json'), JSON.stringify(tinyCatalogue(copies)));
  const env = {
    PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json'),
    PANIC_TDA_MODELS: join(folder, 'models'),
    PANIC_TDA_DEVICE: 'cpu',
  };
  expect((await runCommand(folder, ['models', 'verify', ...TINY_MODELS], env)).code).toBe(0);
  return { folder, env };
}

function changeJson(file: string, values: object): void {
  writeFileSync(
    file,
    JSON.stringify({ ...readJson(readFileSync(file, 'utf8'), z.looseObject({})), ...values }),
  );
}

test('plan names the models that a run would refuse by the content of their files, and run refuses before it makes anything', async () => {
  const { folder, env } = await verified((models) => {
    changeJson(join(models, 'diffusion/sd/unet/config.json'), { in_channels: 9 });
    writeFileSync(join(models, 'captioners/smolvlm-tiny/preprocessor_config.json'), '{');
    writeFileSync(join(models, 'embedders/mpnet/tokenizer.json'), '{"model": {}}');
  });
  const plan = await runCommand(folder, ['plan', 'experiment.json', '--json'], env);
  const { unfitModels } = readJson(plan.stdout, PlanDocument);
  expect(unfitModels.map(({ name }) => name)).toEqual(['TinyPainter', 'TinyCaptioner', 'TinyWords']);
  expect(unfitModels[0]!.why).toMatch(/unet\/config\.json: in_channels says 9/);
  expect(unfitModels[1]!.why).toContain('preprocessor_config.json');
  expect(unfitModels[2]!.why).toContain('tokenizer.json');
  const { stdout } = await runCommand(folder, ['plan', 'experiment.json'], env);
  expect(stdout).toMatch(/Models that cannot be used as they are\nTinyPainter: .*in_channels says 9/);
  expect(stdout).toMatch(/run experiment\.json" does it, once what is named above is mended\.\n$/);

  const run = await runCommand(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/cannot be used as they are; nothing was done:\nTinyPainter: .*in_channels/);
  expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);
});

test('plan finds nothing wrong with models that run; it names a configuration that has changed since it was verified, and not a wrong size in it', async () => {
  const { folder, env } = await verified(() => undefined);
  const unfit = async (): Promise<unknown> => {
    const plan = await runCommand(folder, ['plan', 'experiment.json', '--json'], env);
    return readJson(plan.stdout, PlanDocument).unfitModels;
  };
  expect(await unfit()).toEqual([]);
  expect((await runCommand(folder, ['plan', 'experiment.json'], env)).stdout).toMatch(
    /experiment\.json" does it\.\n$/,
  );
  const config = join(folder, 'fixtures/embedders/mpnet/tokenizer_config.json');
  writeFileSync(config, readFileSync(config, 'utf8').replace('"', "'"));
  const why = `TinyWords: ${config} has changed since it was verified; "panic-tda models verify TinyWords" compares all its files`;
  expect(await unfit()).toEqual([{ name: 'TinyWords', why }]);
});
