import { afterAll, describe, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_FILE } from '../../db/layout.js';
import { tryDevice } from '../../models/index.js';
import { DoctorDocument } from '../support/documents.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { withWorker } from '../support/resumed.js';
import { runCommand, runJson } from '../support/standing-program.js';

afterAll(cleanUp);

const experiment = (prompts: readonly string[]) => ({
  networks: [['HostedT2I', 'DummyI2T']],
  prompts,
  seeds: [1],
  embedding_models: ['Dummy'],
  max_length: 2,
});

describe('models with a process of their own', () => {
  test('compute the calls of several runs together; the record and the status of stored rows say so', async () => {
    const prompts = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `slow 200 ${name}`);
    const folder = folderWith({ 'experiment.json': experiment(prompts) });
    const args = ['run', 'experiment.json', '--device', 'cpu', '--ram', '1GiB'];
    expect((await panicTda(folder, args)).code).toBe(0);
    const db = new Database(join(folder, 'panic-tda-data', DATABASE_FILE), { readonly: true });
    const query = `select max(batch_size) from invocations`;
    expect(db.prepare(query).pluck().get()).toBeGreaterThan(1);
    db.close();
    expect(await runJson(folder, ['status'])).toHaveProperty(
      'devices',
      ['HostedT2I', 'DummyI2T', 'Dummy'].map((model) => ({ model, device: 'cpu' })),
    );
    expect((await runCommand(folder, ['status'])).stdout).toMatch(
      /computed on +cpu: HostedT2I, DummyI2T, Dummy/,
    );
  });

  test('that need more memory than they get are refused with the figure before a run starts, and plan says so', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const env = { PANIC_TDA_RAM: '100MiB', PANIC_TDA_DEVICE: 'cpu' };
    const { code, stderr } = await runCommand(folder, ['run', 'experiment.json'], env);
    expect(code).toBe(2);
    expect(stderr).toMatch(/HostedT2I needs about 200 MiB of memory, and models may take 100 MiB/);
    expect(existsSync(join(folder, 'panic-tda-data'))).toBe(false);
    const told = stderr.slice('panic-tda: '.length).trimEnd();
    const plan = ['plan', 'experiment.json'];
    expect(await runJson(folder, plan, env)).toMatchObject({ deviceTrouble: told });
    expect(await runJson(folder, plan)).toMatchObject({ deviceTrouble: null });
  });

  test('that do not end are killed, and fail their run once, by name', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['slow 3600000', 'a']) });
    const env = { PANIC_TDA_CALL_SECONDS: '5', PANIC_TDA_DEVICE: 'cpu' };
    const data = join(folder, 'panic-tda-data');
    const { code, stdout } = await withWorker(data, ['run', 'experiment.json'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /run 0: ResourceLimit: the process of HostedT2I, at work on the text "slow 3600000" .* gave no answer within 5 s and was ended/,
    );
    const db = new Database(join(data, DATABASE_FILE), { readonly: true });
    expect(db.prepare(`select kind from failures`).pluck().all()).toEqual(['ResourceLimit']);
    expect(db.prepare(`select status from runs order by run_index`).pluck().all()).toEqual([
      'failed',
      'finished',
    ]);
    db.close();
  });
});

describe('devices', () => {
  test('doctor runs a tiny graph on each device, and says which work', async () => {
    const { findings, healthy } = DoctorDocument.parse(await runJson(folderWith(), ['doctor']));
    // Devices that do not work are no problem, unless the user chose one.
    expect(healthy).toBe(true);
    const devices = findings.filter(({ section }) => section === 'Devices');
    expect(devices.map(({ text }) => text.split(' ')[0])).toEqual(['cuda', 'webgpu', 'cpu']);
    expect(devices[2]).toEqual({ section: 'Devices', level: 'ok', text: 'cpu works: it ran a tiny graph' });
    for (const { level } of devices) expect(['ok', 'info']).toContain(level);
  });

  test('a chosen device that does not work is refused before a run starts', async () => {
    const { reason } = await tryDevice('cuda');
    if (reason === null) return;
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const { code, stderr } = await runCommand(folder, ['run', 'experiment.json', '--device', 'cuda']);
    expect(code).toBe(2);
    expect(stderr).toContain('panic-tda: cuda does not work here');
    expect(stderr).toContain('"panic-tda setup cuda" gets what is missing');
    const told = stderr.slice('panic-tda: '.length).trimEnd();
    const plan = await runCommand(folder, ['plan', 'experiment.json', '--device', 'cuda']);
    expect(plan.stdout).toContain(`\nDevices\n${told}\n`);
    const args = ['plan', 'experiment.json'];
    const byEnvironment = { PANIC_TDA_DEVICE: 'cuda' };
    expect(await runJson(folder, args, byEnvironment)).toMatchObject({ deviceTrouble: told });
    const fallback = { ...byEnvironment, PANIC_TDA_ALLOW_FALLBACK: '1' };
    expect(await runJson(folder, args, fallback)).toMatchObject({ deviceTrouble: null });
    const asked = await runCommand(folder, ['doctor'], { PANIC_TDA_DEVICE: 'cuda' });
    expect(asked.code).toBe(1);
    expect(asked.stdout).toMatch(/FAIL {2}cuda does not work/);
  });

  test('options for workers elsewhere are refused, not ignored', async () => {
    const folder = folderWith({ 'experiment.json': experiment(['a']) });
    const { code, stderr } = await runCommand(folder, ['run', 'experiment.json', '--ram', '1GiB'], {
      TEMPORAL_ADDRESS: '127.0.0.1:2',
    });
    expect(code).toBe(2);
    expect(stderr).toContain('give the options to "panic-tda worker" there');
  });
});
