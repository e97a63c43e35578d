import { expect, test } from '@jest/globals';
import { experimentId } from '../../experiment/ids.js';
import { dist, nextLine, runModule } from '../support/child-processes.js';
import { config } from '../support/small-experiment.js';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// A process of its own: after the test, the call that waits for the workflow has no connection any more.
test('a user who stops the command while it starts the workflow does not wait for the workflow', async () => {
  const child = runModule(
    `
    const { Client, Connection } = await import('@temporalio/client');
    const { follow, startExperiment } = await import(${dist('cli/session/follow.js')});
    const { openStore } = await import(${dist('db/index.js')});
    const [folder, address, namespace, id, config] = process.argv.slice(1);
    const client = new Client({ connection: await Connection.connect({ address }), namespace });
    const session = { client, unindexed: async () => 'no attributes' };
    const handle = await startExperiment(session, id, JSON.parse(config));
    const signal = AbortSignal.abort(new Error('stopped'));
    const words = { away: () => '', back: () => '' };
    await follow(handle, openStore(folder), id, { silent: true, diagramsExpected: 0, words, signal }).then(
      ({ kind }) => console.log(kind),
      ({ message }) => console.log(message),
    );
    process.exit();`,
    [temporaryFolder(), suiteAddress(), takeNamespace(), experimentId(config), JSON.stringify(config)],
  );
  expect(await nextLine(child)).toBe('stopped');
});
