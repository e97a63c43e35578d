import { afterAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PanicError } from '../../common/errors.js';
import { loadCatalogue } from '../../models/catalogue.js';
import { MemoryBudget } from '../../models/runners/memory-budget.js';
import { ProcessModels } from '../../models/runners/process-models.js';
import { DEVICE_SETTINGS } from '../../models/choices.js';
import { WEAR_LIMITS } from '../../models/runners/wear.js';
import {
  chooseDevice,
  decideDevice,
  DEVICES,
  explainDecision,
  tryDevice,
} from '../../models/onnx/devices.js';
import { dist } from '../support/child-processes.js';

describe('devices', () => {
  test('the processor runs the tiny graph', async () => {
    expect(await tryDevice('cpu')).toEqual({ device: 'cpu', reason: null });
  });

  test('the trial of a device that does not work gives the reason in one line, and leaves the test process alive', async () => {
    for (const device of DEVICES) {
      const { reason } = await tryDevice(device);
      if (reason !== null) expect(reason).toMatch(/^\S[^\n]+$/);
    }
  });

  test('auto takes the first device that works', async () => {
    const trials = await Promise.all(DEVICES.map(tryDevice));
    const first = trials.find(({ reason, software }) => reason === null && software === undefined);
    expect(await chooseDevice('auto', false)).toBe(first!.device);
  });

  // Few machines have a GPU. On a machine with one, the test cannot reach the branch for machines without.
  test('a chosen device that does not work is refused, unless another may be taken', async () => {
    for (const device of DEVICES) {
      const { reason } = await tryDevice(device);
      if (reason === null) {
        expect(await chooseDevice(device, false)).toBe(device);
        continue;
      }
      const failure = await chooseDevice(device, false).catch((error: unknown) => error);
      expect(failure).toMatchObject({ kind: 'InvalidInput' });
      expect(String(failure)).toContain(`${device} does not work here: ${reason}`);
      expect(String(failure)).toContain('--allow-fallback');
      expect(DEVICES).toContain(await chooseDevice(device, true));
    }
  });

  test('a failed trial is repeated for the next caller, and a device that works is tried once', async () => {
    for (const device of DEVICES) {
      const first = tryDevice(device);
      expect(tryDevice(device)).toBe(first);
      const { reason } = await first;
      // Callers that wait for the trial itself go on before later callers.
      await Promise.resolve();
      if (reason === null) expect(tryDevice(device)).toBe(first);
      else expect(tryDevice(device)).not.toBe(first);
    }
  });

  test('the message names each device that auto does not take, with the reason', async () => {
    const decision = await decideDevice('auto', false);
    const faster = DEVICES.slice(0, DEVICES.indexOf(decision.device));
    expect(decision.passedOver.map(({ device }) => device)).toEqual(faster);
    const lines = explainDecision(decision, ['A', 'B']);
    expect(lines[0]).toBe(`A, B: computed on ${decision.device}.`);
    expect(lines.slice(1).map((line) => line.split(' ')[0])).toEqual(faster);
  });
});

const { software } = await tryDevice('webgpu');
(software === undefined ? describe.skip : describe)(
  "a Vulkan driver that computes on the processor (needs one, such as Mesa's lavapipe)",
  () => {
    test('works, is never taken by auto, and is taken where the user chooses it', async () => {
      expect((await tryDevice('webgpu')).reason).toBeNull();
      const decision = await decideDevice('auto', false);
      expect(decision.device).not.toBe('webgpu');
      expect(decision.passedOver.find(({ device }) => device === 'webgpu')?.reason).toContain(software!);
      const asked = await decideDevice('webgpu', false);
      expect(asked).toEqual({ device: 'webgpu', passedOver: [], warning: software });
      expect(explainDecision(asked).join('\n')).toContain('webgpu is taken as asked, although');
    });
  },
);

describe('a place for models that was not found', () => {
  test('is looked for again by the next call', async () => {
    let asked = 0;
    const models = new ProcessModels({
      filesOf: () => ({ folder: 'nowhere' }),
      findPlace: async () => {
        asked++;
        if (asked === 1) throw new PanicError('DeviceError', 'no memory for a trial, for a moment');
        return { device: 'cpu', budget: new MemoryBudget({ limitMiB: 1000, remedy: 'x', turnMs: 1000 }) };
      },
      wear: WEAR_LIMITS,
      deadlines: DEVICE_SETTINGS,
    });
    const model = (await loadCatalogue({ testModels: true })).get('HostedT2I');
    if (model?.kind !== 'generative') throw new Error('no such model');
    const paint = () => models.generate(model, { input: { modality: 'text', text: 'a' }, seed: 1 });
    try {
      await expect(paint()).rejects.toMatchObject({ kind: 'DeviceError' });
      expect((await paint()).output.modality).toBe('image');
      expect(asked).toBe(2);
    } finally {
      await models.close();
    }
  });
});

describe('memory of a GPU', () => {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-smi-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  // A shell script stands in for NVIDIA's own program.
  (process.platform === 'win32' ? test.skip : test)(
    "is what NVIDIA's driver reports, for CUDA and for WebGPU",
    () => {
      writeFileSync(join(folder, 'nvidia-smi'), '#!/bin/sh\necho 49140\necho 24576\n');
      chmodSync(join(folder, 'nvidia-smi'), 0o755);
      const script = `
      const { gpuMemoryMiB } = await import(${dist('models/onnx/devices.js')});
      console.log(JSON.stringify(await Promise.all(['cuda', 'webgpu', 'cpu'].map(gpuMemoryMiB))));`;
      const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '', PATH: `${folder}${delimiter}${process.env['PATH']}` },
      });
      expect(JSON.parse(told)).toEqual([49140, 49140, null]);
    },
  );
});
