import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  describerAt,
  embedderAt,
  leaveAlone,
  painterAt,
  send,
  startModelServer,
} from '../support/model-server.js';
import { type Fleet, openFleet } from '../support/fleet.js';
import { DoctorDocument } from '../support/documents.js';
import { readJson } from '../support/json.js';
import { experimentFile } from '../support/laboratory.js';
import { violations } from '../support/store-checks.js';
import { z } from 'zod';
import { isFullRange } from '../support/range.js';
import { cleanUp, type Ended, folderWith } from '../support/cli-process.js';
import { runCommand, runJson } from '../support/standing-program.js';

/** The server of models, and one worker whose catalogue names it. */
let server: Awaited<ReturnType<typeof startModelServer>>;
let fleet: Fleet;
let catalogue: Record<string, string>;
beforeAll(async () => {
  server = await startModelServer();
  const models = [describerAt(server.base, 'image'), embedderAt(server.base)];
  const folder = folderWith({ 'catalogue.json': { models } });
  catalogue = { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') };
  fleet = await openFleet(null, catalogue);
  await fleet.worker([]);
});
afterEach(() => server.interfere(leaveAlone));
afterAll(async () => {
  await fleet.close();
  await server.close();
  await cleanUp();
});

const experiment = {
  networks: [['ProceduralPainter', 'ServedDescriber']],
  prompts: ['a red barn beside a lake'],
  seeds: [7],
  embedding_models: ['ServedEmbedder'],
  max_length: 6,
};

/** A folder with the experiment and a catalogue of these models. */
function folderOf(...models: readonly object[]): { folder: string; env: Record<string, string> } {
  const folder = folderWith({ 'catalogue.json': { models }, 'experiment.json': experiment });
  return { folder, env: { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') } };
}

/** Looks at the data folder of the fleet, without its Temporal service. */
function look(...words: readonly string[]): Promise<Ended> {
  return runCommand(fleet.folder, [...words, '--data', fleet.data], catalogue);
}

/** Runs an experiment on the worker. */
async function runOf(name: string, of: object): Promise<Ended & { readonly id: string }> {
  const file = experimentFile(fleet.folder, name, { ...of, name });
  const ended = await fleet.shortCommand(['run', file]);
  return { ...ended, id: /Experiment ([0-9a-f]{12})/.exec(ended.stderr)![1]! };
}

/** Answers each chat with a new caption. */
function captioning(caption: (times: number) => object): void {
  let times = 0;
  server.interfere(({ path }, response) => {
    if (path !== '/v1/chat/completions') return false;
    send(response, 200, { choices: [{ index: 0, ...caption(times++) }] });
    return true;
  });
}

async function modelFindings(folder: string, env: Record<string, string>): Promise<string[]> {
  const { findings } = DoctorDocument.parse(await runJson(folder, ['doctor'], env));
  return findings
    .filter(({ section, text }) => section === 'Models' && /Served|need no files/.test(text))
    .map(({ level, text }) => `${level}: ${text}`);
}

test('plan and run report a server that is down before anything starts', async () => {
  const down = await startModelServer();
  await down.close();
  const { folder, env } = folderOf(describerAt(down.base, 'image'), embedderAt(down.base));
  const run = await runCommand(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/servers of models .* nothing was done:\nServedDescriber: .*ECONNREFUSED/);
  expect(run.stderr).toMatch(/ServedEmbedder: .*ECONNREFUSED/);
  expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);

  const plan = await runCommand(folder, ['plan', 'experiment.json'], env);
  expect(plan.stdout).toMatch(/Servers that cannot be used\nServedDescriber: .*ECONNREFUSED/);
  const { servers } = z
    .object({ servers: z.array(z.object({ name: z.string(), state: z.string() })) })
    .parse(await runJson(folder, ['plan', 'experiment.json'], env));
  expect(servers.map(({ name, state }) => [name, state])).toEqual([
    ['ServedDescriber', 'trouble'],
    ['ServedEmbedder', 'trouble'],
  ]);
});

test('a server that does not serve the model is reported before anything starts', async () => {
  const { folder, env } = folderOf(describerAt(server.base, 'image'), embedderAt(server.base));
  const before = server.asked.length;
  server.interfere(({ path }, response) => {
    if (path !== '/v1/models') return false;
    send(response, 200, { data: [{ id: 'another' }] });
    return true;
  });
  const run = await runCommand(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/ServedDescriber: .* does not serve "tiny"; it lists another/);
  expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);
  const asked = server.asked.slice(before);
  expect(asked).not.toEqual([]);
  expect(asked.every(({ path }) => path === '/v1/models')).toBe(true);
});

test('doctor reports a server that is down, one without a list, and one that lists the model', async () => {
  const [down, listless] = [await startModelServer(), await startModelServer()];
  await down.close();
  listless.interfere(({ path }, response) => {
    if (path !== '/v1/models') return false;
    send(response, 405, {});
    return true;
  });
  const models = [painterAt(down.base), describerAt(listless.base, 'image'), embedderAt(server.base)];
  const { folder, env } = folderOf(...models);
  const found = await modelFindings(folder, env);
  await listless.close();
  expect(found).toContainEqual(expect.stringMatching(/^warning: ServedPainter: .*ECONNREFUSED/));
  expect(found).toContainEqual(
    expect.stringMatching(/^ok: ServedDescriber: its server answers; it has no list/),
  );
  expect(found).toContain('ok: ServedEmbedder: its server answers, and lists it');
  // They need no files, but a server.
  const count = /(\d+) of (\d+) models need no files/.exec(found.join('\n'));
  expect(Number(count![1])).toBeLessThanOrEqual(Number(count![2]) - 3);
});

test('the summary, status, show and doctor report cut answers, and one vector for all outputs', async () => {
  // This server tells texts apart only by their length, and these have one length.
  captioning((times) => ({
    finish_reason: times === 1 ? 'length' : 'stop',
    message: { content: ['one fox', 'two fox', 'six fox'][times % 3] },
  }));
  const run = await runOf('cut', experiment);
  expect(run.code).toBe(0);
  const cut = /^cut outputs +1 output stopped at the limit of tokens/m;
  const shared = /^warning +ServedEmbedder gave all distinct outputs one and the same vector/m;
  expect(run.stdout).toMatch(cut);
  expect(run.stdout).toMatch(shared);
  const { id } = run;
  expect((await look('status', id)).stdout).toMatch(shared);
  const status = readJson((await look('status', id, '--json')).stdout, z.looseObject({}));
  expect(status).toMatchObject({
    experiment: id,
    sharedVectors: [{ model: 'ServedEmbedder', everywhere: true, runs: 1 }],
  });
  const shown = await look('show', id);
  expect(shown.stdout).toMatch(cut);
  expect(shown.stdout).toMatch(shared);
  const one = await look('show', id, '0');
  expect(one.stdout).toMatch(/^cut outputs +1 output/m);
  expect(one.stdout).toMatch(shared);
  expect(one.stdout).toMatch(/ServedDescriber +7 +computed, cut +two fox/);
  const document = readJson(
    (await look('show', id, '0', '--json')).stdout,
    z.looseObject({ trajectory: z.array(z.object({ outputCut: z.boolean() })) }),
  );
  expect(document).toMatchObject({ outputsCut: 1, sharedVectors: [{ model: 'ServedEmbedder' }] });
  expect(document.trajectory.map(({ outputCut }) => outputCut)).toEqual([
    false,
    false,
    false,
    true,
    false,
    false,
  ]);
  const doctor = await look('doctor');
  expect(doctor.stdout).toMatch(/1 output stopped at the limit/);
  expect(doctor.stdout).toMatch(/warn +experiment .*one and the same vector/);
  expect(doctor.code).toBe(0);
});

test('an invalid answer (half of a surrogate pair; by night also a filtered and an invisible one) fails its run, and leaves a sound store; retry --run runs one failed run again and leaves the other', async () => {
  server.interfere(({ path }, response) => {
    if (path !== '/v1/chat/completions') return false;
    const message = { content: 'a fox HALF' };
    const text = JSON.stringify({ choices: [{ index: 0, finish_reason: 'stop', message }] });
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(text.replace('HALF', String.raw`\ud83d`));
    return true;
  });
  // Another seed than that of the stored experiment, whose work it would reuse.
  const prompts = [...experiment.prompts, 'a boat'];
  const run = await runOf('invalid', { ...experiment, prompts, seeds: [8] });
  expect(run.code).toBe(1);
  expect(run.stdout).toMatch(/run 0: ModelOutputInvalid: ServedDescriber .*half of a surrogate pair/);
  const { id } = run;
  // By day, test/models/server-answers.test.ts has these answers, without a run for each.
  if (isFullRange()) {
    captioning(() => ({ finish_reason: 'content_filter', message: { content: 'The picture shows' } }));
    expect((await fleet.shortCommand(['retry', id])).stdout).toMatch(/ModelOutputInvalid: .*content filter/);
    captioning(() => ({ finish_reason: 'stop', message: { content: '\u200b' } }));
    expect((await fleet.shortCommand(['retry', id])).stdout).toMatch(/ModelOutputInvalid: .*blank/);
  }
  expect(await violations(fleet.data)).toEqual([]);
  // A tab and a line separator are valid characters of an answer.
  captioning((times) => ({ finish_reason: 'stop', message: { content: `a\tfox\u2028of ${times}` } }));
  const one = await fleet.shortCommand(['retry', id, '--run', '1']);
  expect(one.stderr).toContain('Retrying 1 failed run.');
  expect(one.stdout).toMatch(/runs +1 finished, 1 failed/);
  expect(one.code).toBe(1);
  const mended = await fleet.shortCommand(['retry', id]);
  expect(mended.code).toBe(0);
  expect((await look('show', id, '1')).stdout).toMatch(/a fox of 0/);
  expect((await look('doctor')).code).toBe(0);
});
