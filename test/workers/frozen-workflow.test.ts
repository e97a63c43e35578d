import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suiteAddress, takeNamespace } from '../support/suite-server.js';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/**
 * Longer than the 5 s that the SDK allows workflow code by default, shorter than the 10 s after which the
 * server gives its task away.
 */
const STANDSTILL_MS = 6000;

const WORKFLOW = `
export async function standStill(milliseconds) {
  await Promise.resolve();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  return 'done';
}`;

/** A process of its own: without the longer time Node aborts it, and would end Jest with it. */
const PROGRAM = `
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

const [options, workflowsPath, address, namespace, milliseconds] = process.argv.slice(2);
const { workflowOptions } = await import(options);
Runtime.install({ logger: new DefaultLogger('ERROR') });
const taskQueue = 'frozen-workflow';
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({ ...workflowOptions, connection, namespace, taskQueue, workflowsPath });
const ended = worker.run();
const client = new Client({ connection: await Connection.connect({ address }), namespace });
const run = { taskQueue, workflowId: taskQueue, args: [Number(milliseconds)] };
console.log(await client.workflow.execute('standStill', run));
worker.shutdown();
await ended;
await client.connection.close();
await connection.close();
`;

test('a worker that was frozen in the middle of workflow code goes on when it wakes', () => {
  const root = temporaryFolder();
  const workflows = join(root, 'workflows');
  mkdirSync(workflows);
  symlinkSync(repositoryPath('node_modules'), join(root, 'node_modules'));
  const workflowsPath = join(workflows, 'index.js');
  const program = join(root, 'program.mjs');
  writeFileSync(workflowsPath, WORKFLOW);
  writeFileSync(program, PROGRAM);
  const options = pathToFileURL(repositoryPath('dist/workers/worker-options.js')).href;
  const output = execFileSync(
    process.execPath,
    [program, options, workflowsPath, suiteAddress(), takeNamespace(), String(STANDSTILL_MS)],
    { encoding: 'utf8', killSignal: 'SIGKILL', env: { ...process.env, NODE_OPTIONS: '' }, timeout: 60_000 },
  );
  expect(output).toMatch(/^done$/m);
});
