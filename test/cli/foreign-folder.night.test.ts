import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { finishExperiment } from '../support/small-experiment.js';
import { LEFT_BY_SERVER_BY_NIGHT, putLink, putPipe, writeExperiment } from './planted-files.js';

afterAll(cleanUp);

/** A folder with a data folder that a stranger may have sent. */
let place: string;
beforeEach(async () => {
  place = folderWith({ 'precious.txt': 'precious\n' });
  const store = openStore(join(place, 'sent'));
  await finishExperiment(store);
  await store.close();
});

const RUN = ['run', 'experiment.json', '--data', 'sent'];

test.each([...LEFT_BY_SERVER_BY_NIGHT, 'temporal/temporal.sqlite.server.json.new'])(
  'a link in the place of %s is neither followed nor truncated',
  async (name) => {
    putLink(place, name);
    writeExperiment(place);
    expect((await panicTda(place, RUN)).code).not.toBeNull();
    expect(readFileSync(join(place, 'precious.txt'), 'utf8')).toBe('precious\n');
  },
);

test.each(['cli-version', 'server.json.new'])(
  'a pipe in the place of temporal.sqlite.%s does not block a run',
  async (ending) => {
    putPipe(place, ending);
    expect(await panicTda(place, RUN)).toMatchObject({ code: 0 });
  },
);
