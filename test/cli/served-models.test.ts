import { afterAll, afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describerAt, embedderAt, leaveAlone, send, startModelServer } from '../support/model-server.js';
import { isFullRange } from '../support/range.js';
import { cleanUp, folderWith, panicTda, panicTdaJson } from '../support/cli-process.js';
import { z } from 'zod';
import { DoctorDocument, OfExperiment } from '../support/documents.js';

jest.setTimeout(240_000);

let server: Awaited<ReturnType<typeof startModelServer>>;
beforeEach(async () => {
  server = await startModelServer();
});
afterEach(() => server.close());
afterAll(cleanUp);

const experiment = {
  networks: [['ProceduralPainter', 'ServedDescriber']],
  prompts: ['a red barn beside a lake'],
  seeds: [7],
  embedding_models: ['ServedEmbedder'],
  max_length: 6,
};

function laboratoryAt(base: string) {
  const models = [describerAt(base, 'image'), embedderAt(base)];
  const folder = folderWith({ 'catalogue.json': { models }, 'experiment.json': experiment });
  return { folder, env: { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') } };
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
  const { findings } = DoctorDocument.parse(await panicTdaJson(folder, ['doctor'], env));
  return findings
    .filter(({ section, text }) => section === 'Models' && /Served|need no files/.test(text))
    .map(({ level, text }) => `${level}: ${text}`);
}

test('plan and doctor report a server that is down before anything starts', async () => {
  const { folder, env } = laboratoryAt(server.base);
  await server.close();
  const run = await panicTda(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/servers of models .* nothing was done:\nServedDescriber: .*ECONNREFUSED/);
  expect(run.stderr).toMatch(/ServedEmbedder: .*ECONNREFUSED/);
  expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);

  const plan = await panicTda(folder, ['plan', 'experiment.json'], env);
  expect(plan.stdout).toMatch(/Servers that cannot be used\nServedDescriber: .*ECONNREFUSED/);
  const { servers } = z
    .object({ servers: z.array(z.object({ name: z.string(), state: z.string() })) })
    .parse(await panicTdaJson(folder, ['plan', 'experiment.json'], env));
  expect(servers.map(({ name, state }) => [name, state])).toEqual([
    ['ServedDescriber', 'trouble'],
    ['ServedEmbedder', 'trouble'],
  ]);
  const found = await modelFindings(folder, env);
  expect(found).toContainEqual(expect.stringMatching(/^warning: ServedDescriber: .*ECONNREFUSED/));
  // They need no files, but a server.
  const count = /(\d+) of (\d+) models need no files/.exec(found.join('\n'));
  expect(Number(count![1])).toBeLessThanOrEqual(Number(count![2]) - 2);

  server = await startModelServer();
});

test('a server that does not serve the model is reported before anything starts; one without a list is asked', async () => {
  const { folder, env } = laboratoryAt(server.base);
  server.interfere(({ path }, response) => {
    if (path !== '/v1/models') return false;
    send(response, 200, { data: [{ id: 'another' }] });
    return true;
  });
  const run = await panicTda(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/ServedDescriber: .* does not serve "tiny"; it lists another/);
  expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);
  expect(server.asked.every(({ path }) => path === '/v1/models')).toBe(true);

  server.interfere(({ path }, response) => {
    if (path !== '/v1/models') return false;
    send(response, 405, {});
    return true;
  });
  expect(await modelFindings(folder, env)).toContainEqual(
    expect.stringMatching(/^ok: ServedDescriber: its server answers; it has no list/),
  );
  server.interfere(leaveAlone);
  expect(await modelFindings(folder, env)).toContain('ok: ServedDescriber: its server answers, and lists it');
});

test('the summary, status, show and doctor report cut answers, and one vector for all outputs', async () => {
  const { folder, env } = laboratoryAt(server.base);
  // This server tells texts apart only by their length, and these have one length.
  captioning((times) => ({
    finish_reason: times === 1 ? 'length' : 'stop',
    message: { content: ['one fox', 'two fox', 'six fox'][times % 3] },
  }));
  const run = await panicTda(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(0);
  const cut = /^cut outputs +1 output stopped at the limit of tokens/m;
  const shared = /^warning +ServedEmbedder gave all distinct outputs one and the same vector/m;
  expect(run.stdout).toMatch(cut);
  expect(run.stdout).toMatch(shared);
  expect((await panicTda(folder, ['status'], env)).stdout).toMatch(shared);
  const status = OfExperiment.parse(await panicTdaJson(folder, ['status'], env));
  expect(status['sharedVectors']).toEqual([{ model: 'ServedEmbedder', everywhere: true, runs: 1 }]);
  const { experiment: id } = status;
  const shown = await panicTda(folder, ['show', id], env);
  expect(shown.stdout).toMatch(cut);
  expect(shown.stdout).toMatch(shared);
  const one = await panicTda(folder, ['show', id, '0'], env);
  expect(one.stdout).toMatch(/^cut outputs +1 output/m);
  expect(one.stdout).toMatch(shared);
  expect(one.stdout).toMatch(/ServedDescriber +7 +computed, cut +two fox/);
  const document = z
    .looseObject({ trajectory: z.array(z.object({ outputCut: z.boolean() })) })
    .parse(await panicTdaJson(folder, ['show', id, '0'], env));
  expect(document).toMatchObject({ outputsCut: 1, sharedVectors: [{ model: 'ServedEmbedder' }] });
  expect(document.trajectory.map(({ outputCut }) => outputCut)).toEqual([
    false,
    false,
    false,
    true,
    false,
    false,
  ]);
  const doctor = await panicTda(folder, ['doctor'], env);
  expect(doctor.stdout).toMatch(/1 output stopped at the limit/);
  expect(doctor.stdout).toMatch(/warn +experiment .*one and the same vector/);
  expect(doctor.code).toBe(0);
});

test('an invalid answer (half of a surrogate pair; by night also a filtered and an invisible one) fails its run, and leaves a sound store', async () => {
  const { folder, env } = laboratoryAt(server.base);
  server.interfere(({ path }, response) => {
    if (path !== '/v1/chat/completions') return false;
    const message = { content: 'a fox HALF' };
    const text = JSON.stringify({ choices: [{ index: 0, finish_reason: 'stop', message }] });
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(text.replace('HALF', String.raw`\ud83d`));
    return true;
  });
  const run = await panicTda(folder, ['run', 'experiment.json'], env);
  expect(run.code).toBe(1);
  expect(run.stdout).toMatch(/run 0: ModelOutputInvalid: ServedDescriber .*half of a surrogate pair/);
  const { experiment: id } = OfExperiment.parse(await panicTdaJson(folder, ['status'], env));
  // By day, test/models/server-answers.test.ts has these answers, without a run for each.
  if (isFullRange()) {
    captioning(() => ({ finish_reason: 'content_filter', message: { content: 'The picture shows' } }));
    expect((await panicTda(folder, ['retry', id], env)).stdout).toMatch(
      /ModelOutputInvalid: .*content filter/,
    );
    captioning(() => ({ finish_reason: 'stop', message: { content: '\u200b' } }));
    expect((await panicTda(folder, ['retry', id], env)).stdout).toMatch(/ModelOutputInvalid: .*blank/);
  }
  expect((await panicTda(folder, ['doctor'], env)).code).toBe(0);
  // A tab and a line separator are valid characters of an answer.
  captioning((times) => ({ finish_reason: 'stop', message: { content: `a\tfox\u2028of ${times}` } }));
  const mended = await panicTda(folder, ['retry', id], env);
  expect(mended.code).toBe(0);
  expect((await panicTda(folder, ['show', id, '0'], env)).stdout).toMatch(/a fox of 0/);
  expect((await panicTda(folder, ['doctor'], env)).code).toBe(0);
});
