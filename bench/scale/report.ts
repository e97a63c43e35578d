import { markdownTable, significant } from '../markdown.js';
import type { Measured } from './measure.js';

const KIB = 1024;
const MIB = 2 ** 20;

/** Tables of all shapes: what an invocation takes, memory, histories, questions, and what follows a kill. */
export function scaleReport(all: readonly Measured[]): string {
  const roles = [...new Set(all.flatMap(({ cpuMs }) => Object.keys(cpuMs)))].toSorted();
  const types = [...new Set(all.flatMap(({ histories }) => Object.keys(histories)))].toSorted();
  const questions = [...new Set(all.flatMap(({ queryMs }) => Object.keys(queryMs)))];
  const parts = [
    markdownTable(
      [
        'shape',
        'invocations/s',
        ...roles.map((role) => `${role} CPU ms`),
        'database B',
        'objects B',
        'temporal B',
      ],
      all.map((one) => [
        nameOf(one),
        significant(one.invocationsPerSecond),
        ...roles.map((role) => significant(one.cpuMs[role] ?? 0)),
        ...[one.databaseBytes, one.objectBytes, one.temporalBytes].map((bytes) =>
          (bytes / one.invocations).toFixed(0),
        ),
      ]),
      1,
    ),
    markdownTable(
      ['shape', ...roles.map((role) => `${role} MiB`)],
      all.map((one) => [nameOf(one), ...roles.map((role) => (one.memoryMiB[role] ?? []).join(' '))]),
      1,
    ),
    markdownTable(
      ['shape', ...types.flatMap((type) => [`${type}s`, 'most events', 'most KiB'])],
      all.map((one) => [
        nameOf(one),
        ...types.flatMap((type) => {
          const sizes = one.histories[type];
          if (sizes === undefined) return ['', '', ''];
          return [sizes.executions, sizes.mostEvents, Math.ceil(sizes.mostBytes / KIB)].map(String);
        }),
      ]),
      1,
    ),
    markdownTable(
      ['shape', ...questions.map((name) => `${name} ms`), 'doctor s', 'doctor MiB'],
      all.map((one) => [
        nameOf(one),
        ...questions.map((name) => significant(one.queryMs[name] ?? 0)),
        one.doctor === null ? '' : significant(one.doctor.seconds),
        one.doctor === null ? '' : one.doctor.peakMiB.toFixed(0),
      ]),
      1,
    ),
    ...(all.some(({ recoveries }) => recoveries.length > 0) ? [recoveryTable(all)] : []),
    ...all.map(
      (one) =>
        `${nameOf(one)}: ${one.experiments.map(({ seconds }) => seconds.map((s) => `${significant(s)} s`).join(' + ')).join('; ')}; ` +
        `database ${(one.databaseBytes / MIB).toFixed(0)} MiB`,
    ),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** Seconds from a SIGKILL to the next step: of the first run that went on, the median run and the last one. */
function recoveryTable(all: readonly Measured[]): string {
  const rows = all.flatMap((one) =>
    (['gpu', 'all'] as const).flatMap((which) => {
      const own = one.recoveries.filter((recovery) => recovery.which === which);
      if (own.length === 0) return [];
      const spread = (of: (recovery: (typeof own)[number]) => number): string => {
        const times = own.map(of).toSorted((a, b) => a - b);
        const seconds = [times[0]!, times[Math.floor(times.length / 2)]!, times.at(-1)!];
        return seconds.map((ms) => (ms / 1000).toFixed(1)).join(' / ');
      };
      return [
        [
          nameOf(one),
          which === 'gpu' ? 'gpu' : 'every worker',
          String(own.length),
          spread(({ firstMs }) => firstMs),
          spread(({ medianMs }) => medianMs),
          spread(({ lastMs }) => lastMs),
        ],
      ];
    }),
  );
  const header = ['shape', 'killed', 'kills', 'first run s', 'median run s', 'last run s'];
  return `Seconds to the next step, least / median / most over the kills:\n\n${markdownTable(header, rows, 2)}`;
}

function nameOf({ shape, experiments }: Measured): string {
  return experiments.length === 1 ? shape : `${experiments.length} of ${shape}`;
}
