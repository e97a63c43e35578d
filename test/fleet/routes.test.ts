import { afterAll, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCatalogue } from '../../models/index.js';
import { openStore } from '../../db/index.js';
import { settleRoutes } from '../../workers/settings/known-routes.js';
import { type ModelRoutes, modelQueues, queueOfModel, readRoutes } from '../../workers/settings/routes.js';
import { servedModelQueues } from '../../workers/served-queues.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const catalogue = await loadCatalogue({ testModels: true });

afterAll(cleanUp);

function routesOf(text: string) {
  const dataFolder = temporaryFolder();
  writeFileSync(join(dataFolder, 'routes.json'), text);
  return { ...readRoutes({ routesFile: undefined, dataFolder }, catalogue), dataFolder };
}

function machine(routes: Readonly<Record<string, string>>) {
  const { routes: read, problems } = routesOf(JSON.stringify(routes));
  expect(problems).toEqual([]);
  return { routes: read, catalogue, modelsFolder: temporaryFolder() };
}

test('models without a route are on one queue, and each route is a queue', () => {
  const { routes } = machine({ SlowI2T: 'slow', SlowT2I: 'slow', Dummy: 'vectors' });
  expect(queueOfModel(routes, 'DummyT2I')).toBe('panic-tda-gpu');
  expect(queueOfModel(routes, 'SlowT2I')).toBe('panic-tda-gpu-slow');
  expect(modelQueues(routes)).toEqual(['panic-tda-gpu', 'panic-tda-gpu-slow', 'panic-tda-gpu-vectors']);
});

test('without a file there are no routes, but a file that the user names has to exist', () => {
  const dataFolder = temporaryFolder();
  const none = readRoutes({ routesFile: undefined, dataFolder }, catalogue);
  expect({ size: none.routes.byModel.size, problems: none.problems }).toEqual({ size: 0, problems: [] });
  const named = readRoutes({ routesFile: join(dataFolder, 'mine.json'), dataFolder }, catalogue);
  expect(named.problems.join()).toMatch(/mine\.json: 1 problem\n.*found no file of that name/s);
});

test.each([
  ['no JSON', '{ "SlowI2T": ', /found the end|allowed/],
  ['a list', '["SlowI2T"]', /the routes: found a list of 1; allowed: an object/],
  ['a name with capitals', '{ "SlowI2T": "Slow" }', /SlowI2T: found "Slow"; allowed: lower-case letters/],
  ['a number', '{ "SlowI2T": 1 }', /SlowI2T: found 1; allowed: lower-case letters/],
  ['an unknown model', '{ "SlowI2": "slow" }', /SlowI2: .*did you mean "SlowI2T"\?/],
  ['a model twice', '{ "SlowI2T": "a", "SlowI2T": "b" }', /SlowI2T/],
])('a file of routes with %s is refused with the reason', (_what, text, message) => {
  const { routes, problems } = routesOf(text);
  expect(problems.join('\n')).toMatch(message);
  expect(routes.byModel.size).toBe(0);
});

test('a worker serves all queues, or those of the models that the user names', () => {
  const at = machine({ SlowI2T: 'slow', Dummy: 'vectors' });
  expect(servedModelQueues(null, at).queues).toEqual([
    'panic-tda-gpu',
    'panic-tda-gpu-slow',
    'panic-tda-gpu-vectors',
  ]);
  expect(servedModelQueues(['SlowI2T'], at).queues).toEqual(['panic-tda-gpu-slow']);
  expect(servedModelQueues(['unrouted', 'Dummy'], at).queues).toEqual([
    'panic-tda-gpu',
    'panic-tda-gpu-vectors',
  ]);
});

test.each([{ replace: false }, { replace: true }])(
  'a worker that cannot serve its models records no routes for others: %o',
  async ({ replace }) => {
    const { routes, dataFolder } = routesOf('{ "SlowI2T": "slow" }');
    const store = openStore(dataFolder);
    const requireServable = (by: ModelRoutes) =>
      void servedModelQueues(['DummyT2I'], { routes: by, catalogue, modelsFolder: dataFolder });
    const settled = settleRoutes(store, routes, { identity: 'one', replace, now: 1, requireServable });
    await expect(settled).rejects.toThrow(/DummyT2I has no route/);
    expect(await store.routes.recorded()).toBeNull();
    await store.close();
  },
);

test('a queue whose models are not on this machine is left to others', () => {
  const { queues, leftOut } = servedModelQueues(null, machine({ SDTurbo: 'big', SlowI2T: 'slow' }));
  expect(queues).toEqual(['panic-tda-gpu', 'panic-tda-gpu-slow']);
  expect(leftOut.join()).toMatch(
    /panic-tda-gpu-big is left to other workers: SDTurbo: these files are missing/,
  );
});

test.each([
  [['SlowI3T'], /no model called "SlowI3T"; did you mean "SlowI2T"\?/],
  [['DummyT2I'], /DummyT2I has no route.*--models unrouted/],
  [['SlowI2T'], /panic-tda-gpu-slow of SlowI2T also brings work for SlowT2I; name these, too/],
  [['SDTurbo'], /SDTurbo: these files are missing on this machine[^]*models pull SDTurbo/],
])('a worker with the models %j is refused with the remedy', (models, message) => {
  const at = machine({ SlowI2T: 'slow', SlowT2I: 'slow', SDTurbo: 'big' });
  expect(() => servedModelQueues(models, at)).toThrow(message);
});

test.each([
  [['--queues', 'cpu', '--models', 'Dummy'], /--models is about the queue gpu/],
  [['--models', 'Dummy,'], /--models: found "Dummy,"/],
  [['--concurrency', '0'], /Expected a whole number, 1 or more/],
  [['--listen', '70000'], /Expected a port/],
  [['--build-id', '7'], /needs both --deployment NAME and --build-id ID/],
  [['--set-current'], /needs both --deployment NAME and --build-id ID/],
])('worker %j is refused before it connects to anything', async (args, message) => {
  const { code, stderr } = await panicTda(folderWith(), ['worker', ...args], {
    TEMPORAL_ADDRESS: '127.0.0.1:2',
  });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
});
