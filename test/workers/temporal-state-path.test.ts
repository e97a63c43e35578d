import { expect, test } from '@jest/globals';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { processesWithArgument } from '../support/processes-with-argument.js';
import { startServer, startWorkflow, workflowStatus } from '../support/temporal-servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test("the server's state is in the named folder, whatever characters its path has", async () => {
  const root = temporaryFolder();
  const [one, two] = ['set #1 50%25 ?x=1&y ä\n', 'set #2'].map((name) => join(root, name));
  for (const folder of [one!, two!]) mkdirSync(folder);
  const first = await startServer(one!);
  try {
    await startWorkflow(first.server, 'of-one');
    // The argument by which a server that outlived its supervisor is found.
    expect(processesWithArgument(join(one!, 'temporal.sqlite'))).toContain(first.server.pid);
  } finally {
    await first.server.stop();
  }
  const again = await startServer(one!);
  try {
    expect(again.notices).toEqual([]);
    expect(await workflowStatus(again.server, 'of-one')).toBe('RUNNING');
  } finally {
    await again.server.stop();
  }
  const other = await startServer(two!);
  try {
    await expect(workflowStatus(other.server, 'of-one')).rejects.toThrow(/not found/i);
  } finally {
    await other.server.stop();
  }
  expect(readdirSync(root).sort()).toEqual(['set #1 50%25 ?x=1&y ä\n', 'set #2']);
  expect(readdirSync(one!)).toContain('temporal.sqlite');
});
