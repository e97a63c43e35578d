import { afterAll, describe, expect, jest, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_FILE } from '../../db/layout.js';
import { decideDevice, tryDevice } from '../../models/index.js';
import {
  cleanUp,
  folderWith,
  panicTda,
  panicTdaJson,
  runInfo,
  startPanicTda,
  until,
} from '../support/cli-process.js';
import { z } from 'zod';
import { DoctorDocument } from '../support/documents.js';

jest.setTimeout(180_000);
afterAll(cleanUp);

const experiment = (prompts: readonly string[]) => ({
  networks: [['HostedT2I', 'DummyI2T']],
  prompts,
  seeds: [1],
  embedding_models: ['Dummy'],
  max_length: 2,
});

describe('models with a process of their own', () => {
  test('compute the calls of several runs together, and the record says so', async () => {
    const prompts = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `slow 200 ${name}`);
    const folder = folderWith({ 'experiment.json': experiment(prompts) });
    const args = ['run', 'experiment.json', '--device', 'cpu', '--ram', '1GiB'];
    expect((await panicTda(folder, args)).code).toBe(0);
    const db = new Database(join(folder, 'panic-tda-data', DATABASE_FILE), { readonly: true });
    const query = `select max(batch_size) from invocations`;
    expect(db.prepare(query).pluck().get()).toBeGreaterThan(1);
    db.close();
  });

  test('that need more memory than they get are refused with the figure before a run starts, and plan says so', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const env = { PANIC_TDA_RAM: '100MiB', PANIC_TDA_DEVICE: 'cpu' };
    const { code, stderr } = await panicTda(folder, ['run', 'experiment.json'], env);
    expect(code).toBe(2);
    expect(stderr).toMatch(/HostedT2I needs about 200 MiB of memory, and models may take 100 MiB/);
    expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);
    const told = stderr.slice('panic-tda: '.length).trimEnd();
    const plan = ['plan', 'experiment.json'];
    expect(await panicTdaJson(folder, plan, env)).toMatchObject({ deviceTrouble: told });
    expect(await panicTdaJson(folder, plan)).toMatchObject({ deviceTrouble: null });
  });

  test('that do not end are killed, and fail their run once, by name', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['slow 3600000', 'a']) });
    const env = { PANIC_TDA_CALL_SECONDS: '5', PANIC_TDA_DEVICE: 'cpu' };
    const { code, stdout } = await panicTda(folder, ['run', 'experiment.json'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /run 0: ResourceLimit: the process of HostedT2I, at work on the text "slow 3600000" .* gave no answer within 5 s and was ended/,
    );
    const db = new Database(join(folder, 'panic-tda-data', DATABASE_FILE), { readonly: true });
    expect(db.prepare(`select kind from failures`).pluck().all()).toEqual(['ResourceLimit']);
    expect(db.prepare(`select status from runs order by run_index`).pluck().all()).toEqual([
      'failed',
      'finished',
    ]);
    db.close();
  });

  test('stop within seconds at Ctrl-C, while they compute', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['slow 60000']) });
    const data = join(folder, 'panic-tda-data');
    const running = startPanicTda(folder, ['run', 'experiment.json', '--device', 'cpu']);
    await until(
      () => modelProcessesOf(runInfo(data)?.workerPids ?? []).length > 0,
      () => running.stderr(),
    );
    const asked = performance.now();
    running.process.kill('SIGINT');
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toMatchObject({ code: 130 });
    expect(performance.now() - asked).toBeLessThan(15_000);
  });
});

/** The processes that these workers have started for models. */
function modelProcessesOf(workers: readonly number[]): string[] {
  const lines = execFileSync('ps', ['-A', '-o', 'ppid=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return lines
    .split('\n')
    .filter((line) => line.includes('process-main') && workers.includes(Number.parseInt(line, 10)));
}

describe('devices', () => {
  test('doctor runs a tiny graph on each device, and says which work', async () => {
    const { findings } = DoctorDocument.parse(await panicTdaJson(folderWith(), ['doctor']));
    const devices = findings.filter(({ section }) => section === 'Devices');
    expect(devices.map(({ text }) => text.split(' ')[0])).toEqual(['cuda', 'webgpu', 'cpu']);
    expect(devices[2]).toEqual({ section: 'Devices', level: 'ok', text: 'cpu works: it ran a tiny graph' });
    for (const { level } of devices) expect(['ok', 'info']).toContain(level);
  });

  test('a chosen device that does not work is refused before a run starts', async () => {
    const { reason } = await tryDevice('cuda');
    if (reason === null) return;
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const { code, stderr } = await panicTda(folder, ['run', 'experiment.json', '--device', 'cuda']);
    expect(code).toBe(2);
    expect(stderr).toContain('panic-tda: cuda does not work here');
    expect(stderr).toContain('"panic-tda setup cuda" gets what is missing');
    const told = stderr.slice('panic-tda: '.length).trimEnd();
    const plan = await panicTda(folder, ['plan', 'experiment.json', '--device', 'cuda']);
    expect(plan.stdout).toContain(`\nDevices\n${told}\n`);
    const args = ['plan', 'experiment.json'];
    const byEnvironment = { PANIC_TDA_DEVICE: 'cuda' };
    expect(await panicTdaJson(folder, args, byEnvironment)).toMatchObject({ deviceTrouble: told });
    const fallback = { ...byEnvironment, PANIC_TDA_ALLOW_FALLBACK: '1' };
    expect(await panicTdaJson(folder, args, fallback)).toMatchObject({ deviceTrouble: null });
    expect(await panicTdaJson(folder, ['doctor'])).toMatchObject({ healthy: true });
    const asked = await panicTda(folder, ['doctor'], { PANIC_TDA_DEVICE: 'cuda' });
    expect(asked.code).toBe(1);
    expect(asked.stdout).toMatch(/FAIL {2}cuda does not work/);
  });

  test('run, its worker and status name the device of models with files, and why they use no faster one', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['slow 60000']) });
    const data = join(folder, 'panic-tda-data');
    const { device, passedOver } = await decideDevice('auto', false);
    const running = startPanicTda(folder, ['run', 'experiment.json'], { PANIC_TDA_RAM: '1GiB' });
    await until(
      () => modelProcessesOf(runInfo(data)?.workerPids ?? []).length > 0,
      () => running.stderr(),
    );
    const log = readFileSync(join(data, 'logs', 'worker-gpu.log'), 'utf8');
    const status = z
      .object({ deviceRemarks: z.array(z.string()) })
      .parse(await panicTdaJson(folder, ['status']));
    running.process.kill('SIGINT');
    await running.ended;
    expect(status.deviceRemarks[0]).toBe(`HostedT2I: computed on ${device}.`);
    expect(running.stderr()).toContain(`Device:  HostedT2I: computed on ${device}.`);
    expect(log).toContain(`Models with files: computed on ${device}.`);
    for (const { device: passed } of passedOver) {
      for (const told of [running.stderr(), log, status.deviceRemarks.join('\n')]) {
        expect(told).toContain(`${passed} is not used: `);
      }
    }
  });

  test('status of stored rows names the device that computed each model', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const args = ['run', 'experiment.json', '--device', 'cpu', '--ram', '1GiB'];
    expect((await panicTda(folder, args)).code).toBe(0);
    expect(await panicTdaJson(folder, ['status'])).toHaveProperty(
      'devices',
      ['HostedT2I', 'DummyI2T', 'Dummy'].map((model) => ({ model, device: 'cpu' })),
    );
    expect((await panicTda(folder, ['status'])).stdout).toMatch(
      /computed on +cpu: HostedT2I, DummyI2T, Dummy/,
    );
  });

  test('options for workers elsewhere are refused, not ignored', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const { code, stderr } = await panicTda(folder, ['run', 'experiment.json', '--ram', '1GiB'], {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    expect(code).toBe(2);
    expect(stderr).toContain('give the options to "panic-tda worker" there');
  });
});
