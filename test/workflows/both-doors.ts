import { expect, test } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatProblems, readExperimentFile } from '../../experiment/index.js';
import { catalogue } from '../../models/index.js';
import { findTemporalCli } from '../../workers/temporal/cli.js';
import type { Ended } from '../support/cli-process.js';
import type { Laboratory } from '../support/laboratory.js';
import { firstByDay } from '../support/range.js';
import { runCommand } from '../support/standing-program.js';
import { suiteAddress } from '../support/suite-server.js';

const GOOD = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a café by a lake'],
  seeds: [7],
  embedding_models: ['Dummy'],
  max_length: 4,
};

/** The text of an experiment file with `more` before its fields, in a form that JSON.stringify never writes. */
function fileWith(more: string, fields: object = GOOD): string {
  return `{${more},${JSON.stringify(fields).slice(1)}`;
}

type BadFile = readonly [name: string, content: string | Buffer, words: string];

const BYTES: readonly BadFile[] = [
  ['bytes of Latin-1', Buffer.from(JSON.stringify(GOOD), 'latin1'), 'bytes that are not UTF-8'],
  [
    'a byte sequence that is cut',
    Buffer.concat([
      Buffer.from('{"name":"caf\xc3', 'latin1'),
      Buffer.from('",'),
      Buffer.from(JSON.stringify(GOOD).slice(1)),
    ]),
    'bytes that are not UTF-8',
  ],
];

const KEYS: readonly BadFile[] = [
  ['a repeated key', fileWith('"max_length":2'), 'the key \\"max_length\\" again'],
  ['a repeated key that is escaped', fileWith('"max\\u005flength":2'), 'the key \\"max_length\\" again'],
  [
    'a repeated key in an object of it',
    fileWith('"null_model":{"surrogates":1,"surrogates":2}'),
    'null_model.surrogates: found the key',
  ],
  ['a repeated key that is unknown', fileWith('"colour":1,"colour":1'), 'colour: found the key'],
  ['a field that is unknown', fileWith('"__proto__":{"x":1}'), '__proto__: found an unknown field'],
];

const VALUES: readonly BadFile[] = [
  [
    'an integer beyond 2^53',
    JSON.stringify(GOOD).replace('[7]', '[9007199254740993]'),
    'seeds[0]: found 9007199254740992',
  ],
  ['a number beyond all numbers', fileWith('"weight":1e400'), 'weight: found Infinity'],
  ['U+FFFD in a prompt', JSON.stringify({ ...GOOD, prompts: ['a caf\ufffd'] }), 'U+FFFD in \\"a caf'],
  ['U+FFFD as an escape', fileWith('"name":"caf\\ufffd"'), 'name: found the replacement character'],
  [
    'a prompt longer than models read',
    JSON.stringify({ ...GOOD, prompts: ['rain '.repeat(20_001)] }),
    'a text of 100,005 characters',
  ],
];

interface GivenPayload {
  readonly metadata?: Record<string, Uint8Array>;
  readonly data?: Uint8Array;
}

/** A payload in the form of other clients. The Temporal command line refuses some of these itself. */
function payload(encoding: string, data: string | Buffer): GivenPayload {
  return { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) };
}

/** What a command says of this file, from the failure of a workflow. */
function ofFile(file: string, byTemporal: string): string {
  return byTemporal.replace('the experiment:', `${file}:`);
}

/** Makes the tests of the two ways to start an experiment: a command, and the Temporal service. */
export function testBothDoors(opened: () => Laboratory): void {
  async function panicTda(...words: readonly string[]): Promise<Ended> {
    const { folder } = opened();
    return await runCommand(folder, [...words, '--data', join(folder, 'nowhere')]);
  }

  let started = 0;

  /**
   * Starts a workflow with these words of the Temporal command line, and resolves with the message of its
   * failure.
   */
  async function failureOf(...words: readonly string[]): Promise<string> {
    const id = `both-doors-${started++}`;
    const where = ['--address', suiteAddress(), '--namespace', opened().namespace];
    const what = ['--type', 'experiment', '--task-queue', 'panic-tda', '--workflow-id', id];
    const { path: temporal } = await findTemporalCli({ fetch: false });
    await promisify(execFile)(temporal, ['workflow', 'start', ...what, ...where, ...words]);
    return await messageOfFailure(id);
  }

  async function messageOfFailure(id: string): Promise<string> {
    const outcome: unknown = await opened()
      .client.workflow.getHandle(id)
      .result()
      .catch((error: unknown) => error);
    if (!(outcome instanceof WorkflowFailedError))
      throw new Error(`did not fail: ${JSON.stringify(outcome)}`);
    let cause: Error = outcome;
    while (cause.cause instanceof Error) cause = cause.cause;
    expect(cause).toMatchObject({ type: 'InvalidInput' });
    return cause.message;
  }

  /** Writes the file. */
  function written([name, content]: BadFile): string {
    const file = join(opened().folder, `${name.replaceAll(/\W/g, '-')}.json`);
    writeFileSync(file, content);
    return file;
  }

  // The next test has them all, without the processes of commands.
  test.each(firstByDay([...KEYS, ...BYTES, ...VALUES]))(
    'plan, run and Temporal refuse %s in the same words',
    async (...bad) => {
      const file = written(bad);
      const [plan, run, byTemporal] = await Promise.all([
        panicTda('plan', file),
        panicTda('run', file),
        failureOf('--input-file', file),
      ]);
      const told = `panic-tda: ${ofFile(file, byTemporal)}`;
      expect({ code: run.code, told: run.stderr.trim() }).toEqual({ code: 2, told });
      expect({ code: plan.code, told: plan.stderr.trim() }).toEqual({ code: 2, told });
    },
  );

  test.each([...BYTES, ...KEYS, ...VALUES])(
    'what reads the file of a command and what reads the input of a workflow refuse %s in the same words',
    async (...bad) => {
      const [, content, words] = bad;
      const file = written(bad);
      const byTemporal = await failureOfPayloads(payload('json/plain', content));
      expect(JSON.stringify(byTemporal)).toContain(words);
      const read = await readExperimentFile(file, catalogue);
      expect(read.ok ? null : formatProblems(read.problems, read.source)).toBe(ofFile(file, byTemporal));
    },
  );

  test('several inputs of a workflow are refused, and none is dropped', async () => {
    const input = JSON.stringify(GOOD);
    expect(await failureOf('--input', input, '--input', input)).toContain('found 2 inputs');
  });

  /** Starts a workflow with these payloads, and resolves with the message of its failure. */
  async function failureOfPayloads(...payloads: readonly GivenPayload[]): Promise<string> {
    const id = `both-doors-${started++}`;
    await opened().client.workflowService.startWorkflowExecution({
      namespace: opened().namespace,
      workflowId: id,
      workflowType: { name: 'experiment' },
      taskQueue: { name: 'panic-tda' },
      input: { payloads: [...payloads] },
      requestId: id,
      identity: 'both-doors',
    });
    return await messageOfFailure(id);
  }

  // The SDK has a converter only for the first encoding.
  test.each(['binary/plain', 'xyz/abc', 'binary/encrypted', 'json/protobuf', 'json/plain ', ''])(
    'an input of the encoding %j is refused by the name of the encoding, whether workflows can read it or not',
    async (encoding) => {
      const told = await failureOfPayloads(payload(encoding, JSON.stringify(GOOD)));
      expect(told).toContain(`an input with the encoding ${JSON.stringify(encoding)}`);
    },
  );

  test('an input that does not say its encoding is refused', async () => {
    const told = await failureOfPayloads({ data: Buffer.from(JSON.stringify(GOOD)) });
    expect(told).toContain('an input with the encoding ""');
  });

  test('several inputs are refused even if none of them can be read', async () => {
    const [good, other] = [payload('json/plain', JSON.stringify(GOOD)), payload('xyz/abc', 'x')];
    expect(await failureOfPayloads(good, other)).toContain('found 2 inputs');
  });

  test.each([
    ['cut', JSON.stringify(GOOD).slice(0, -1)],
    ['empty', ''],
    ['of bytes that are no text', Buffer.from([0xff, 0xfe, 0x00])],
  ])('an input whose JSON is %s is refused', async (_name, bytes) => {
    expect(await failureOfPayloads(payload('json/plain', bytes))).toMatch(/^the experiment: /);
  });
}
