import {
  DEVICE_CHOICES,
  DEVICE_SETTINGS,
  type DeviceSettings,
  LONGEST_DEADLINE_SECONDS,
} from '../../models/choices.js';
import { memoryMiB, MEMORY_FORMAT } from './memory-text.js';
import type { VariableName } from './variables.js';

export function readDeviceSettings(
  value: (name: VariableName) => string | undefined,
  problems: string[],
): DeviceSettings {
  const wanted = value('PANIC_TDA_DEVICE') ?? DEVICE_SETTINGS.device;
  const device = DEVICE_CHOICES.find((choice) => choice === wanted);
  if (device === undefined) {
    problems.push(`PANIC_TDA_DEVICE is "${wanted}"; it can be ${DEVICE_CHOICES.join(', ')}.`);
  }
  const fallback = value('PANIC_TDA_ALLOW_FALLBACK') ?? '0';
  if (fallback !== '0' && fallback !== '1') {
    problems.push(`PANIC_TDA_ALLOW_FALLBACK is "${fallback}"; it can be 0 or 1.`);
  }
  const memory = (name: 'PANIC_TDA_GPU_MEMORY' | 'PANIC_TDA_RAM'): number | null => {
    const text = value(name);
    if (text === undefined) return null;
    const mib = memoryMiB(text);
    if (mib === undefined) problems.push(`${name} is "${text}"; it can be ${MEMORY_FORMAT}.`);
    return mib ?? null;
  };
  const seconds = (name: 'PANIC_TDA_CALL_SECONDS' | 'PANIC_TDA_LOAD_SECONDS', usual: number): number => {
    const text = value(name) ?? String(usual);
    if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= LONGEST_DEADLINE_SECONDS) {
      return Number(text);
    }
    problems.push(`${name} is "${text}"; it can be a whole number from 1 to ${LONGEST_DEADLINE_SECONDS}.`);
    return usual;
  };
  return {
    device: device ?? DEVICE_SETTINGS.device,
    allowFallback: fallback === '1',
    gpuMemoryMiB: memory('PANIC_TDA_GPU_MEMORY'),
    ramMiB: memory('PANIC_TDA_RAM'),
    callSeconds: seconds('PANIC_TDA_CALL_SECONDS', DEVICE_SETTINGS.callSeconds),
    loadSeconds: seconds('PANIC_TDA_LOAD_SECONDS', DEVICE_SETTINGS.loadSeconds),
  };
}

/** The variables that give a child process these settings. */
export function deviceVariables({
  device,
  allowFallback,
  gpuMemoryMiB,
  ramMiB,
  callSeconds,
  loadSeconds,
}: DeviceSettings): Partial<Record<VariableName, string>> {
  return {
    PANIC_TDA_DEVICE: device,
    PANIC_TDA_ALLOW_FALLBACK: allowFallback ? '1' : '0',
    PANIC_TDA_GPU_MEMORY: gpuMemoryMiB === null ? '' : `${gpuMemoryMiB}MiB`,
    PANIC_TDA_RAM: ramMiB === null ? '' : `${ramMiB}MiB`,
    PANIC_TDA_CALL_SECONDS: String(callSeconds),
    PANIC_TDA_LOAD_SECONDS: String(loadSeconds),
  };
}
