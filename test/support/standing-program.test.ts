import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { cleanUp, folderWith, panicTda, type Ended } from './cli-process.js';
import { config, finishExperiment } from './small-experiment.js';
import { runCommand } from './standing-program.js';

let folder: string;
let id: string;
beforeAll(async () => {
  folder = folderWith({ 'catalogue.json': { models: [{}] } });
  const store = openStore(join(folder, 'panic-tda-data'));
  id = await finishExperiment(store, config);
  await store.close();
  // The first command that writes would close it, and say so.
  chmodSync(join(folder, 'panic-tda-data'), 0o700);
});
afterAll(cleanUp);

/** Without the pace of a check and the room on the disk, which no two commands find the same. */
function steady(text: string): string {
  return text.replaceAll(/[\d,]+ rows\/s/g, '- rows/s').replaceAll(/[\d.]+ GiB are free/g, '- GiB are free');
}

function answerOf({ code, stdout, stderr }: Ended): Ended {
  return { code, stdout: steady(stdout), stderr: steady(stderr) };
}

// Each of these would leave state behind for the next: a document, a note, an exit code, variables, a time-out that ends the process.
test('a command in a process of several commands ends and prints as in a process of its own', async () => {
  const env = { PANIC_TDA_CATALOGUE: join(folder, 'catalogue.json') };
  const commands: readonly (readonly [readonly string[], Readonly<Record<string, string>>])[] = [
    [['list', '--json'], {}],
    [['show', id, '--json'], env],
    [['show', 'none', '--json'], {}],
    [['stauts', '--json'], {}],
    [['stauts'], {}],
    [['show', id, '0'], {}],
    [['plan', 'none.json'], {}],
    [['plan', 'none.json', '--json'], env],
    [['list'], env],
    [['--version'], {}],
    [['delete', id], {}],
    [['doctor'], env],
  ];
  for (const [args, variables] of commands) {
    const own = answerOf(await panicTda(folder, args, variables));
    expect([args, answerOf(await runCommand(folder, args, variables))]).toEqual([args, own]);
  }
});

test('a process of several commands refuses a fault, which would end it', async () => {
  await expect(runCommand(folder, ['list'], { PANIC_TDA_FAULT: 'x@1@y' })).rejects.toThrow(/fault/);
});
