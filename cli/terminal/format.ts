import { excerptOf, visible, visibleLine } from '../../common/text.js';

/** Figures and texts in the form that people read. */

/**
 * Aligns rows in columns. `alignRight` are the columns of numbers. Each cell becomes one line of visible
 * characters.
 */
export function table(given: readonly (readonly string[])[], alignRight: readonly number[] = []): string {
  const rows = given.map((row) => row.map(visibleLine));
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]!.length), 0),
  );
  return rows.map((row) => tableLine(row, widths, alignRight)).join('\n');
}

/** One row of a table whose widths are known. */
export function tableLine(
  row: readonly string[],
  widths: readonly number[],
  alignRight: readonly number[],
): string {
  return row
    .map(visibleLine)
    .map((cell, column) =>
      alignRight.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    )
    .join('  ')
    .trimEnd();
}

/**
 * `1,234`. The engine would load its language tables at their first use, which takes longer than most answers.
 */
export function count(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `3 runs`, `1 run`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Two figures below ten, whole numbers above: `0.25`, `4.3`, `120`. */
export function rate(perSecond: number): string {
  if (perSecond >= 10) return count(perSecond);
  return perSecond >= 1 ? perSecond.toFixed(1) : perSecond.toFixed(2);
}

export function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 0.95) return `${Math.round(milliseconds)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const wholeMinutes = Math.round(seconds / 60);
  if (seconds < 3599.5) return `${Math.floor(Math.round(seconds) / 60)} min ${Math.round(seconds) % 60} s`;
  if (wholeMinutes < 48 * 60) return `${Math.floor(wholeMinutes / 60)} h ${wholeMinutes % 60} min`;
  return `${(wholeMinutes / 1440).toFixed(1)} days`;
}

/** The time left as an upper bound in whole seconds, since a prediction knows no fractions. */
export function timeLeft(milliseconds: number): string {
  return `at most ${duration(1000 * Math.ceil(milliseconds / 1000))} left`.replace('.0 s', ' s');
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let scaled = value;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled.toFixed(unit === 0 || scaled >= 100 ? 0 : 1)} ${units[unit]}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** Local time to the minute, `2026-03-01 14:05`. */
export function time(millisecondsSinceEpoch: number): string {
  const at = new Date(millisecondsSinceEpoch);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** ISO 8601 for JSON documents, or null. */
export function isoTime(millisecondsSinceEpoch: number | null): string | null {
  return millisecondsSinceEpoch === null ? null : new Date(millisecondsSinceEpoch).toISOString();
}

/** White space and line breaks. */
const BREAKS = /[\s\u0085]+/g;

/** The text as one line of visible characters. */
export function oneLine(text: string): string {
  return visible(text.replaceAll(BREAKS, ' ').trim());
}

/** The text as one line of at most `width` characters. */
export function excerpt(text: string, width: number): string {
  return excerptOf(oneLine(text), width);
}
