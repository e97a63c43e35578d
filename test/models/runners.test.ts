import { afterEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import type { TextArtifact } from '../../experiment/artifact.js';
import { createModelPool, type ModelPool, type ModelPoolOptions } from '../../models/index.js';
import { dist, runModule, until } from '../support/child-processes.js';
import { type Gate, gateIn } from '../support/gate.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const text = (value: string): TextArtifact => ({ modality: 'text', text: value });
const CPU = { device: 'cpu', allowFallback: false, gpuMemoryMiB: null, ramMiB: null } as const;
/** The same value as in models/test-models/faulty.ts. */
const MAX_BATCH = 4;
const MEMORY_MIB = 200;

/** In the command line of every process of a model of this file, and of no other process. */
const FOLDER = `/no-files-of-${process.pid}`;

function hostProcesses(): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  const ours = lines.split('\n').filter((line) => line.includes(FOLDER) && line.includes('process-main'));
  return ours.map((line) => Number.parseInt(line, 10));
}

let pool: ModelPool;
async function open(options: Partial<ModelPoolOptions> = {}): Promise<void> {
  const folders = { HostedT2I: FOLDER };
  pool = await createModelPool({ modelsFolder: '.', testModels: true, devices: CPU, folders, ...options });
}
afterEach(() => pool.close());

/** Opens the pool. The prompt `gated` computes until the test opens the gate. */
async function openGated(): Promise<Gate> {
  const gate = gateIn(temporaryFolder());
  Object.assign(process.env, gate.env);
  await open();
  return gate;
}

async function untilAtWork(gate: Gate): Promise<void> {
  await until('the process of the model is at work', () => gate.waiting() === 1);
}

/** Whether the system knows the process. It does until the parent has heard of the end. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const paint = (prompt: string, model = 'HostedT2I', signal?: AbortSignal) =>
  pool.generate(model, text(prompt), 1, signal);
async function failureOf(call: Promise<unknown>): Promise<Error> {
  const error: unknown = await call.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error(`the call rejected with no error: ${String(error)}`);
}

describe('batches', () => {
  test("calls that come together are computed together, up to the model's batch size", async () => {
    await open();
    const calls = Array.from({ length: MAX_BATCH + 1 }, (_, index) => paint(`thing ${index}`));
    const sizes = (await Promise.all(calls)).map(({ batchSize }) => batchSize);
    expect(sizes).toEqual([MAX_BATCH, MAX_BATCH, MAX_BATCH, MAX_BATCH, 1]);
  });

  test('each caller gets the answer to its own input, with its fingerprint', async () => {
    await open();
    const prompts = ['a', 'b', 'c'];
    const hosted = await Promise.all(prompts.map((prompt) => paint(prompt)));
    const alone = await Promise.all(prompts.map((prompt) => paint(prompt, 'DummyT2I')));
    expect(hosted.map(({ output }) => output)).toEqual(alone.map(({ output }) => output));
    expect(hosted[0]).toMatchObject({ fingerprint: { device: 'cpu' }, batchSize: 3, cutTokens: 0 });
  });

  test('an input that the model refuses or leaves blank fails alone', async () => {
    await open();
    const calls = await Promise.allSettled(['a', 'refuse', 'blank', 'b'].map((prompt) => paint(prompt)));
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(calls[1]).toMatchObject({ reason: { kind: 'InvalidInput', message: 'this prompt is refused' } });
    expect(calls[2]).toMatchObject({ reason: { kind: 'ModelOutputInvalid' } });
    expect(calls[3]).toMatchObject({ value: { batchSize: 4 } });
  });
});

describe('a process that dies', () => {
  test.each(['crash', 'break'])('of one input (%s) fails that call alone, by name', async (command) => {
    await open();
    const calls = await Promise.allSettled(['a', command, 'b', 'c'].map((prompt) => paint(prompt)));
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(calls[0]).toMatchObject({ value: { batchSize: 1 } });
    expect(calls[1]).toMatchObject({
      reason: { kind: 'DeviceError', message: expect.stringContaining(`the text "${command}"`) },
    });
  });

  test('of an input does not take other inputs with it a second time', async () => {
    await open();
    await Promise.allSettled([paint('crash'), paint('a')]);
    const calls = await Promise.allSettled(['crash', 'a', 'b', 'c'].map((prompt) => paint(prompt)));
    const sizes = calls.map((call) => (call.status === 'fulfilled' ? call.value.batchSize : null));
    expect(sizes).toEqual([null, 3, 3, 3]);
  });

  test('while it loads is started three times, and then the error has its last words', async () => {
    await open();
    const failure = await failureOf(paint('a', 'UnloadableT2I'));
    expect(failure).toMatchObject({ kind: 'DeviceError' });
    expect(failure.message).toMatch(
      /the process of UnloadableT2I ended by SIGKILL; it said: the weights cannot be read, while it loaded/,
    );
    expect(failure.message).toContain('3 times in a row');
    expect(failure.message).toContain('200 MiB');
  });
});

describe('an abort', () => {
  const reason = new Error('enough');

  test('by all callers of a batch ends it, with its process, while it computes', async () => {
    const gate = await openGated();
    const controller = new AbortController();
    const calls = ['gated', 'b'].map((prompt) => paint(prompt, 'HostedT2I', controller.signal));
    await untilAtWork(gate);
    const [first] = hostProcesses();
    controller.abort(reason);
    for (const call of calls) await expect(call).rejects.toBe(reason);
    await paint('after');
    expect(hostProcesses()).not.toContain(first);
  });

  test('of many calls has one listener, and none when they are over', async () => {
    await open();
    const controller = new AbortController();
    const listeners = () => getEventListeners(controller.signal, 'abort').length;
    const paintMany = (model: string) =>
      Array.from({ length: 12 }, (_, index) => paint(`thing ${index}`, model, controller.signal));
    const calls = [...paintMany('HostedT2I'), ...paintMany('DummyT2I')];
    expect(listeners()).toBe(1);
    await Promise.all(calls);
    expect(listeners()).toBe(0);
    const others = paintMany('HostedT2I');
    expect(listeners()).toBe(1);
    controller.abort(reason);
    for (const call of others) await expect(call).rejects.toBe(reason);
    expect(listeners()).toBe(0);
  });

  test('of one caller lets the batch go on for the others', async () => {
    const gate = await openGated();
    const controller = new AbortController();
    const other = paint('gated');
    const aborted = paint('b', 'HostedT2I', controller.signal);
    await untilAtWork(gate);
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    gate.open();
    expect((await other).batchSize).toBe(2);
  });

  test('of a waiting call removes it from the queue', async () => {
    const gate = await openGated();
    const running = paint('gated');
    await untilAtWork(gate);
    const controller = new AbortController();
    const waiting = [paint('x', 'HostedT2I', controller.signal), paint('y')];
    controller.abort(reason);
    await expect(waiting[0]).rejects.toBe(reason);
    gate.open();
    await running;
    expect((await waiting[1])!.batchSize).toBe(1);
  });
});

describe('memory', () => {
  test('a model that alone exceeds the budget is refused with the figure and the remedy', async () => {
    await open({ devices: { ...CPU, ramMiB: MEMORY_MIB - 1 } });
    const failure = await failureOf(paint('a'));
    expect(failure).toMatchObject({ kind: 'ResourceLimit' });
    expect(failure.message).toContain('about 200 MiB');
    expect(failure.message).toContain('199 MiB');
    expect(failure.message).toContain('--ram');
  });

  test('two models that do not fit together take turns, and each empties its queue first', async () => {
    await open({ devices: { ...CPU, ramMiB: 1.5 * MEMORY_MIB } });
    const order: string[] = [];
    const log = (model: string) => (): number => order.push(model);
    const first = Array.from({ length: 10 }, (_, index) => paint(`slow 20 ${index}`).then(log('first')));
    const second = Array.from({ length: 10 }, (_, index) =>
      paint(`slow 20 ${index}`, 'HostedTwinT2I').then(log('second')),
    );
    await Promise.all([...first, ...second]);
    const swaps = order.filter((model, index) => index > 0 && model !== order[index - 1]).length;
    expect(swaps).toBe(1);
  });

  test('a model whose queue never becomes empty gives way to one that has waited for its turn', async () => {
    await open({ devices: { ...CPU, ramMiB: MEMORY_MIB }, turnMs: 300, loadsInTurn: 0 });
    const served = new AbortController();
    const caller = async (): Promise<void> => {
      while (!served.signal.aborted) await paint('slow 20');
    };
    const callers = [caller(), caller(), caller(), caller(), caller()];
    await paint('a', 'HostedTwinT2I');
    served.abort();
    await Promise.all(callers);
  });

  test('a process that has grown is replaced between two batches', async () => {
    await open({ wear: { items: 1000, growth: 1 } });
    await paint('a');
    const [first] = hostProcesses();
    await paint('leak 10');
    expect(hostProcesses()).toEqual([first]);
    await paint('leak 800');
    await paint('b');
    expect(hostProcesses()).toHaveLength(1);
    expect(hostProcesses()).not.toEqual([first]);
  });

  test('a process is replaced after a number of items', async () => {
    await open({ wear: { items: 3, growth: 2 } });
    await paint('a');
    const [first] = hostProcesses();
    await Promise.all([paint('b'), paint('c')]);
    await paint('d');
    expect(hostProcesses()).toHaveLength(1);
    expect(hostProcesses()).not.toEqual([first]);
  });

  test('after a process has ended at rest, the next call starts another', async () => {
    await open({ devices: { ...CPU, ramMiB: MEMORY_MIB } });
    await paint('a');
    const rested = hostProcesses()[0]!;
    process.kill(rested, 'SIGKILL');
    await until('this process has heard of the end of its child', () => !exists(rested));
    expect((await paint('a', 'HostedTwinT2I')).batchSize).toBe(1);
    expect((await paint('b')).batchSize).toBe(1);
  });
});

test('an idle process does not keep the program running, and ends with the program', async () => {
  const program = runModule(`
    const { createModelPool } = await import(${dist('models/index.js')});
    const pool = await createModelPool({
      modelsFolder: '.', testModels: true, devices: { device: 'cpu' }, folders: { HostedT2I: ${JSON.stringify(FOLDER)} },
    });
    await pool.generate('HostedT2I', { modality: 'text', text: 'a' }, 1);
  `);
  expect(await once(program, 'exit')).toEqual([0, null]);
  await until('the process of the model has ended', () => hostProcesses().length === 0);
});

test('closing the pool ends a process at work and rejects its calls', async () => {
  const gate = await openGated();
  const refused = expect(paint('gated')).rejects.toMatchObject({ kind: 'DeviceError' });
  await untilAtWork(gate);
  await pool.close();
  await refused;
  expect(hostProcesses()).toEqual([]);
});
