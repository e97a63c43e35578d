import { describe, expect, jest, test } from '@jest/globals';
import { chooseDevice, DEVICES, tryDevice } from '../../models/onnx/devices.js';

jest.setTimeout(120_000);

describe('devices', () => {
  test('the processor runs the tiny graph', async () => {
    expect(await tryDevice('cpu')).toEqual({ device: 'cpu', reason: null });
  });

  test('one that does not work says why in one line, and harms nobody', async () => {
    for (const device of DEVICES) {
      const { reason } = await tryDevice(device);
      if (reason !== null) expect(reason).toMatch(/^\S[^\n]+$/);
    }
  });

  test('auto takes the first that works', async () => {
    const trials = await Promise.all(DEVICES.map(tryDevice));
    const first = trials.find(({ reason }) => reason === null);
    expect(await chooseDevice('auto', false)).toBe(first!.device);
  });

  // There is a GPU on few machines; where there is one, the branch for those without cannot be reached.
  test('one that was chosen and does not work is refused, unless another may be taken', async () => {
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
});
