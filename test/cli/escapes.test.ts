import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { experimentId } from '../../experiment/ids.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { describerAt, embedderAt, send, startModelServer } from '../support/model-server.js';
import { actingIn, NASTY } from '../support/nasty.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import type { Ended } from '../support/cli-process.js';
import { portOf } from '../support/port-of.js';
import { runCommand, runJson } from '../support/standing-program.js';
import { z } from 'zod';
import { ListDocument } from '../support/documents.js';

afterAll(cleanUp);

const ID = experimentId(config);

/** Columns whose texts the program itself interprets. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  artifacts: ['modality'],
  diagrams: ['metric'],
  embeddings: ['source'],
  experiments: ['id', 'status'],
  failures: ['stage'],
  invocations: ['source'],
  models: ['kind', 'input', 'output'],
  runs: ['experiment_id', 'status', 'stop_reason', 'hold'],
  surrogates: ['kind'],
};
/** Columns of JSON: each string in them gets an escape. */
const DOCUMENTS: Readonly<Record<string, readonly string[]>> = {
  experiments: ['config'],
  hosts: ['fingerprint'],
  models: ['settings'],
  runs: ['network'],
};

/** Puts an escape behind each text of a store: behind those that users wrote, or behind all. */
function poison(file: string, which: 'free' | 'all'): void {
  const sqlite = new Sqlite(file);
  sqlite.pragma('foreign_keys = OFF');
  sqlite.pragma('ignore_check_constraints = ON');
  const rules = sqlite
    .prepare<[], { name: string; sql: string }>(`select name, sql from sqlite_schema where type = 'trigger'`)
    .all();
  for (const { name } of rules) sqlite.exec(`drop trigger "${name}"`);
  sqlite.function('poisoned', (text: unknown) =>
    typeof text === 'string' && text !== '' ? `${text}${NASTY}` : text,
  );
  sqlite.function('poisoned_document', (text: unknown) =>
    JSON.stringify(JSON.parse(String(text)), (_, value: unknown) =>
      typeof value === 'string' ? `${value}${NASTY}` : value,
    ),
  );
  const columns = sqlite
    .prepare<[], { tab: string; col: string }>(
      `select t.name as tab, c.name as col from sqlite_schema t, pragma_table_info(t.name) c
       where t.type = 'table' and c.type = 'TEXT' and t.name not like '\\_\\_%' escape '\\'`,
    )
    .all();
  expect(columns.length).toBeGreaterThan(30);
  for (const { tab, col } of columns) {
    if (which === 'free' && WORDS[tab]?.includes(col) === true) continue;
    const by = DOCUMENTS[tab]?.includes(col) === true ? 'poisoned_document' : 'poisoned';
    sqlite.exec(`update "${tab}" set "${col}" = ${by}("${col}") where "${col}" is not null`);
  }
  for (const { sql } of rules) sqlite.exec(sql);
  sqlite.close();
}

function expectNothingActs(ended: Ended, args: readonly string[]): void {
  expect({ args, stdout: actingIn(ended.stdout), stderr: actingIn(ended.stderr) }).toEqual({
    args,
    stdout: [],
    stderr: [],
  });
}

let folder: string;
beforeAll(async () => {
  folder = folderWith();
  const store = openStore(join(folder, 'sound'));
  await finishExperiment(store, { ...config, name: 'named' });
  await finishExperiment(store, config);
  const run = await store.runs.get(ID, 0);
  await store.runs.logFailure(run, { stage: 'invocation', sequence: 0, kind: 'Error', message: 'm' }, 0);
  await store.close();
  for (const which of ['free', 'all'] as const) {
    cpSync(join(folder, 'sound'), join(folder, which), { recursive: true });
    const sqlite = new Sqlite(join(folder, which, 'panic-tda.sqlite'));
    sqlite.exec(`update experiments set error = 'e', driver_workflow_id = 'w', driver_run_id = 'r',
      driver_service = 's', driver_place = 'p', catalogue = 'c';
      update runs set status = 'failed', error_kind = 'k', error_message = 'm' where run_index = 1;
      insert into objects_places (id, place_id, place) values (1, 'i', 'p')`);
    sqlite.close();
    poison(join(folder, which, 'panic-tda.sqlite'), which);
  }
});

const LOOKING: readonly (readonly string[])[] = [
  ['list'],
  ['status'],
  ['status', ID],
  ['show', ID],
  ['show', ID, '0'],
  ['show', ID, '1'],
  ['show', ID, '--experiment-file'],
  ['doctor', '--limit', '1000', '--deep'],
  ['verify', ID],
  ['upgrade', '--check'],
  ['resume', ID],
  ['pause', ID],
  ['delete', ID],
  ['objects', 'use'],
  ['objects', 'copy', '--to', 'copied'],
  ['complete-words', 'fish', '--', 'show', '--data', 'free', ''],
];

describe.each(['free', 'all'])('a store with escapes in its texts (%s)', (which) => {
  test('steers no terminal, whichever command looks at it', async () => {
    const commands = LOOKING.flatMap((args) =>
      args[0] === 'complete-words'
        ? [args]
        : [[...args, '--data', which], ...(which === 'all' ? [] : [[...args, '--data', which, '--json']])],
    );
    for (const args of commands) {
      const ended = await runCommand(folder, args);
      const { stdout } = ended;
      // A shell splits words from descriptions at the tab.
      const shown = args[0] === 'complete-words' ? stdout.replaceAll(/^(\w+)\t/gm, '$1 ') : stdout;
      expectNothingActs({ ...ended, stdout: shown }, args);
      expect([args, shown + ended.stderr]).not.toEqual([args, '']);
      if (args.includes('--json') && stdout !== '') JSON.parse(stdout);
    }
  });

  test('steers no terminal when a user merges, repairs or deletes it', async () => {
    for (const [to, ...args] of [
      ['merged', 'merge', which, '--dry-run'],
      ['merged', 'merge', which],
      [`${which}-mended`, 'doctor', '--fix', '--yes'],
      [`${which}-mended`, 'delete', ID, '--yes'],
    ]) {
      if (to === `${which}-mended`) cpSync(join(folder, which), join(folder, to), { recursive: true });
      expectNothingActs(await runCommand(folder, [...args, '--data', to!]), args);
    }
  });
});

test('a program reads the same texts in JSON', async () => {
  const list = ListDocument.parse(await runJson(folder, ['list', '--data', 'free']));
  expect(list.map(({ name }) => name)).toContain(`named${NASTY}`);
  const file = await runCommand(folder, ['show', ID, '--experiment-file', '--data', 'free']);
  expect(JSON.parse(file.stdout)).toMatchObject({
    prompts: config.prompts.map((prompt) => `${prompt}${NASTY}`),
  });
  expect(await runJson(folder, ['show', ID, '--data', 'free'])).toHaveProperty(
    'runs.0.prompt',
    `${config.prompts[0]}${NASTY}`,
  );
});

test('tables stay aligned', async () => {
  const { stdout } = await runCommand(folder, ['show', ID, '--data', 'free']);
  const lines = stdout.split('\n');
  const header = lines.findIndex((line) => /^run +net +seed/.test(line));
  const at = lines[header]!.indexOf('prompt');
  for (const row of [1, 2, 3, 4]) {
    expect(lines[header + row]!.slice(at - 2, at + 3)).toMatch(/^ {2}(a r|the)/);
  }
});

describe('a text from the caller or from a file', () => {
  test('is made visible in every refusal', async () => {
    const files = folderWith({
      'bad.json': { [NASTY]: 1, networks: [[NASTY]], prompts: [NASTY], seeds: [NASTY] },
      'broken.json': `{"name": "${NASTY}`,
      'catalogue.json': { models: [{ name: NASTY, summary: NASTY, [NASTY]: NASTY }] },
      'named.json': { models: [], unavailable: [{ name: 'Odd', missing: NASTY, instead: NASTY }] },
      'routes.json': { [NASTY]: NASTY },
      'odd.json': { networks: [['Odd']], prompts: ['a'], seeds: [1], embedding_models: ['Dummy'] },
    });
    const word = NASTY.replaceAll('\0', '');
    for (const args of [
      ['plan', 'bad.json'],
      ['run', 'bad.json'],
      ['plan', 'broken.json'],
      ['plan', `${word}.json`],
      ['plan', 'odd.json', 'named'],
      ['models', 'catalogue'],
      ['models', 'show', 'Odd', 'named'],
      ['models', 'routes'],
      ['models', 'show', word],
      [word],
      ['list', `--${word}`],
      ['list', '--data', word],
      ['list', '--database', `postgres://${word}`],
      ['show', word],
      ['merge', word],
    ]) {
      const env = {
        ...(args.includes('catalogue') ? { PANIC_TDA_CATALOGUE: 'catalogue.json' } : {}),
        ...(args.includes('named') ? { PANIC_TDA_CATALOGUE: 'named.json' } : {}),
        ...(args.includes('routes') ? { PANIC_TDA_ROUTES: 'routes.json' } : {}),
      };
      const words = args.filter((arg) => !['catalogue', 'named', 'routes'].includes(arg));
      // The refusal goes to both: as a document and in words.
      const ended = await runCommand(files, [...words, '--json'], env);
      expectNothingActs(ended, args);
      expect([args, ended.stdout]).not.toContain('');
    }
  });
});

test('a message of a model hub is made visible', async () => {
  const hub = createServer((_, response) => {
    // The control characters that a header may hold.
    response.writeHead(404, {
      'x-error-message': 'no \u009b31m\u009d0;owned\u009c',
      'x-error-code': '\u009b31m',
    });
    response.end(NASTY);
  });
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve));
  const port = portOf(hub);
  try {
    const env = { HF_ENDPOINT: `http://127.0.0.1:${port}`, PANIC_TDA_MODELS: join(folder, 'models') };
    const names = z
      .array(z.object({ name: z.string(), source: z.string() }))
      .parse(await runJson(folder, ['models'], env));
    const pulled = names.find(({ source }) => source.startsWith('hub:'))!;
    const ended = await runCommand(folder, ['models', 'pull', pulled.name], env);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain(String.raw`The hub says: no \u009b31m`);
    expectNothingActs(ended, ['models', 'pull']);
  } finally {
    hub.close();
  }
});

test('a message of a model server is made visible: on the screen, in rows and in logs', async () => {
  const server = await startModelServer();
  try {
    const place = folderWith({
      'catalogue.json': { models: [describerAt(server.base, 'image'), embedderAt(server.base)] },
      'experiment.json': {
        name: `told ${NASTY}`,
        networks: [['ProceduralPainter', 'ServedDescriber']],
        prompts: [`a barn ${NASTY}`],
        seeds: [7],
        embedding_models: ['ServedEmbedder'],
        max_length: 4,
      },
    });
    const env = { PANIC_TDA_CATALOGUE: join(place, 'catalogue.json') };
    server.interfere(({ path }, response) => {
      if (path !== '/v1/models') return false;
      send(response, 200, { data: [{ id: NASTY }] });
      return true;
    });
    for (const args of [['plan', 'experiment.json'], ['doctor']]) {
      expectNothingActs(await runCommand(place, args, env), args);
    }
    server.interfere(({ path }, response) => {
      if (path !== '/v1/chat/completions') return false;
      send(response, 400, { error: { message: NASTY } });
      return true;
    });
    const run = await panicTda(place, ['run', 'experiment.json'], env);
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/\\u001b\]0;owned\\u0007/);
    expectNothingActs(run, ['run']);
    const logs = join(place, 'panic-tda-data', 'logs');
    for (const name of readdirSync(logs)) {
      expect([name, actingIn(readFileSync(join(logs, name), 'utf8'))]).toEqual([name, []]);
    }
  } finally {
    await server.close();
  }
});
