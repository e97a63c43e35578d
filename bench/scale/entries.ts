import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { StoreKind } from './databases.js';
import type { Measured } from './measure.js';
import type { Sample } from './sampler.js';
import { SERIES, SERIES_NAMES } from './series.js';

/** One stored measurement. So several commands make one page, and an interrupted one loses nothing. */
export interface Entry {
  readonly series: string;
  readonly shape: string;
  readonly invocations: number;
  readonly store: StoreKind;
  readonly concurrency: number;
  /** The machine, the versions and the date. */
  readonly machine: string;
  /** Load of the minute before. */
  readonly loadBefore: number;
  readonly measured: Measured;
  /** Memory over time by role: pairs of seconds and MiB. */
  readonly memory: Readonly<Record<string, readonly (readonly [number, number])[]>>;
}

/** The name of an entry's shape in tables and figures of several series. */
export function entryName({ series, shape }: Entry): string {
  return series === SERIES.poisoned.name ? `${shape}, poisoned` : shape;
}

const MOST_POINTS = 120;

export function readEntries(file: string): Entry[] {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
}

/**
 * Writes the entries with this one, which replaces an earlier one of the same measurement. Returns them in
 * the order of the page.
 */
export function keepEntry(file: string, entry: Entry): Entry[] {
  const key = (one: Entry): string => [one.series, one.shape, one.store, one.concurrency].join(' ');
  const place = ({ series }: Entry): number => {
    const known = SERIES_NAMES.findIndex((name) => name === series);
    return known < 0 ? SERIES_NAMES.length : known;
  };
  const entries = [...readEntries(file).filter((one) => key(one) !== key(entry)), entry].toSorted(
    (a, b) =>
      place(a) - place(b) ||
      a.invocations - b.invocations ||
      a.shape.localeCompare(b.shape) ||
      b.store.localeCompare(a.store),
  );
  // Written whole or not at all, so that an interrupted command does not lose earlier measurements.
  writeFileSync(`${file}.new`, `${JSON.stringify(entries, null, 1)}\n`);
  renameSync(`${file}.new`, file);
  return entries;
}

/**
 * Predicted minutes of a shape of a series, at the rate of the largest shape that was measured; null if none
 * was.
 */
export function predictedMinutes(
  entries: readonly Entry[],
  { series, store, invocations }: Pick<Entry, 'series' | 'store' | 'invocations'>,
): number | null {
  const smaller = entries.findLast(
    (one) => one.series === series && one.store === store && one.invocations < invocations,
  );
  return smaller === undefined ? null : invocations / smaller.measured.invocationsPerSecond / 60;
}

/** Takes the largest sample of each group of neighbours, so that no peak is lost. */
export function memoryOverTime(samples: readonly Sample[]): Entry['memory'] {
  const memory: Record<string, [number, number][]> = {};
  for (const role of new Set(samples.map((sample) => sample.role))) {
    if (role === 'other') continue;
    const own = samples.filter((sample) => sample.role === role);
    const group = Math.ceil(own.length / MOST_POINTS);
    const kept: [number, number][] = [];
    for (let from = 0; from < own.length; from += group) {
      const { seconds, memoryMiB } = own
        .slice(from, from + group)
        .reduce((most, one) => (one.memoryMiB > most.memoryMiB ? one : most));
      kept.push([Math.round(10 * seconds) / 10, Math.round(memoryMiB)]);
    }
    memory[role] = kept;
  }
  return memory;
}
