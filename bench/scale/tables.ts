import { markdownTable, significant } from '../common/markdown.js';
import { entryName, type Entry } from './entries.js';
import type { Recovery } from './kills.js';
import type { Measured } from './measure.js';

const KIB = 1024;
/** Columns with words. */
const LEFT_COLUMNS = 2;

/** Processes in the order of the tables, with their names there. */
const ROLES = {
  server: 'server',
  'worker gpu': 'gpu worker',
  'worker main,cpu': 'main worker',
  database: 'database',
  command: 'command',
} as const;

const roles = Object.entries(ROLES);

/** Rate, processor time and space. */
export function costs(entries: readonly Entry[]): string {
  return markdownTable(
    [
      ...NAMES,
      'invocations/s',
      ...roles.map(([, name]) => `${name} CPU`),
      'database B',
      'objects B',
      'temporal B',
      'load before',
    ],
    entries.map((entry) => [
      ...namesOf(entry),
      significant(entry.measured.invocationsPerSecond),
      ...roles.map(([role]) => number(entry.measured.cpuMs[role])),
      ...bytesEach(entry.measured).map((bytes) => bytes.toFixed(0)),
      entry.loadBefore.toFixed(1),
    ]),
    LEFT_COLUMNS,
  );
}

const NAMES = ['runs x steps', 'store'];

function namesOf(entry: Entry): string[] {
  return [entryName(entry), entry.store];
}

function bytesEach({ databaseBytes, objectBytes, temporalBytes, invocations }: Measured): number[] {
  return [databaseBytes, objectBytes, temporalBytes].map((bytes) => bytes / invocations);
}

function number(value: number | undefined): string {
  return value === undefined ? '' : significant(value);
}

/** Of experiments that ran at the same time. */
export function ofEach(entries: readonly Entry[]): string {
  return markdownTable(
    [...NAMES, 'of these', 'invocations', 's from first to last', 'invocations/s'],
    entries.flatMap((entry) =>
      entry.measured.experiments.map(({ runs, steps, invocations, seconds }) => [
        ...namesOf(entry),
        `${runs}x${steps}`,
        String(invocations),
        significant(seconds),
        significant(invocations / seconds),
      ]),
    ),
    LEFT_COLUMNS + 1,
  );
}

/** Of experiments with a poisoned run in every hundred. */
export function ofPoisoned(entries: readonly Entry[]): string {
  return markdownTable(
    [...NAMES, 'runs', 'failed', 'finished beside them', 'retried', 'finished in the end'],
    entries.flatMap((entry) =>
      entry.measured.experiments.flatMap(({ runs, finished, poisoned }) =>
        poisoned === null
          ? []
          : [
              [
                ...namesOf(entry),
                ...[runs, poisoned.failed, poisoned.finished, poisoned.retried, finished].map(String),
              ],
            ],
      ),
    ),
    LEFT_COLUMNS,
  );
}

/** The largest shape divided by the smallest, for each store; null if each store has only one. */
export function growth(entries: readonly Entry[]): string | null {
  const rows = [...new Set(entries.map(({ store }) => store))].flatMap((store) => {
    const own = entries.filter((entry) => entry.store === store);
    const [first, last] = [own[0]!, own.at(-1)!];
    if (first.invocations === last.invocations) return [];
    const [a, b] = [first.measured, last.measured];
    const factor = (of: (measured: Measured) => number | undefined): string => {
      const [before, after] = [of(a), of(b)];
      return before === undefined || after === undefined || before === 0 ? '' : significant(after / before);
    };
    return [
      [
        `${first.shape} to ${last.shape}`,
        store,
        significant(last.invocations / first.invocations),
        factor(({ invocationsPerSecond }) => invocationsPerSecond),
        ...roles.map(([role]) => factor(({ cpuMs }) => cpuMs[role])),
        factor((measured) => bytesEach(measured)[0]),
      ],
    ];
  });
  if (rows.length === 0) return null;
  const measures = ['invocations', 'invocations/s', ...roles.map(([, name]) => `${name} CPU`), 'database B'];
  return markdownTable([...NAMES, ...measures], rows, LEFT_COLUMNS);
}

export function histories(entries: readonly Entry[]): string {
  const types = [...new Set(entries.flatMap(({ measured }) => Object.keys(measured.histories)))].toSorted();
  return markdownTable(
    [...NAMES, ...types.flatMap((type) => [`${type}s`, 'most events', 'most KiB'])],
    entries.map((entry) => [
      ...namesOf(entry),
      ...types.flatMap((type) => {
        const sizes = entry.measured.histories[type];
        if (sizes === undefined) return ['', '', ''];
        return [sizes.executions, sizes.mostEvents, Math.ceil(sizes.mostBytes / KIB)].map(String);
      }),
    ]),
    LEFT_COLUMNS,
  );
}

export function memory(entries: readonly Entry[]): string {
  return markdownTable(
    [...NAMES, ...roles.map(([, name]) => name)],
    entries.map((entry) => [
      ...namesOf(entry),
      ...roles.map(([role]) => (entry.measured.memoryMiB[role] ?? []).join(' ')),
    ]),
    LEFT_COLUMNS,
  );
}

export function questions(entries: readonly Entry[]): string {
  const names = [...new Set(entries.flatMap(({ measured }) => Object.keys(measured.queryMs)))];
  return markdownTable(
    [...NAMES, ...names.map((name) => `${name} ms`), 'doctor s', 'doctor MiB'],
    entries.map((entry) => [
      ...namesOf(entry),
      ...names.map((name) => number(entry.measured.queryMs[name])),
      number(entry.measured.doctor?.seconds),
      entry.measured.doctor?.peakMiB.toFixed(0) ?? '',
    ]),
    LEFT_COLUMNS,
  );
}

/** Seconds until the next step. */
export function recoveries(entries: readonly Entry[]): string {
  const header = [
    ...NAMES,
    'killed',
    'kills',
    'first',
    'median',
    'last',
    'of all: least',
    'half',
    '90 %',
    'most',
  ];
  const rows = entries.flatMap((entry) =>
    (['gpu', 'all'] as const).flatMap((which) => {
      const own = entry.measured.recoveries.filter((recovery) => recovery.which === which);
      if (own.length === 0) return [];
      const medianOf = (share: number): string => seconds(quantile(sorted(own, share), 0.5));
      const all = own.flatMap(({ ms }) => ms).toSorted((a, b) => a - b);
      return [
        [
          ...namesOf(entry),
          which === 'gpu' ? 'gpu' : 'every worker',
          String(own.length),
          ...[0, 0.5, 1].map(medianOf),
          ...[0, 0.5, 0.9, 1].map((share) => seconds(quantile(all, share))),
        ],
      ];
    }),
  );
  return markdownTable(header, rows, LEFT_COLUMNS + 1);
}

/** This quantile of each kill, ascending. */
function sorted(recoveriesOfKills: readonly Recovery[], share: number): number[] {
  return recoveriesOfKills.map(({ ms }) => quantile(ms, share)).toSorted((a, b) => a - b);
}

/** Of ascending values: the value at this share of the list. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.round(share * (ascending.length - 1))]!;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
