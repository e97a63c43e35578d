import { markdownTable, significant } from '../common/markdown.js';
import { predictedMinutes, type Entry } from './entries.js';
import { costs, growth, histories, memory, ofEach, ofPoisoned, questions, recoveries } from './tables.js';
import { SERIES, SERIES_NAMES, type SeriesName } from './series.js';

/**
 * The page with all tables, in Markdown. The same entries give the same text. `figure` is the name of the
 * file beside it.
 */
export function scalePage(entries: readonly Entry[], figure: string): string {
  const undisturbed = entries.filter(({ series }) => series !== SERIES.kills.name);
  const sections = [
    '# Long, wide and mixed experiments, on SQLite and Postgres',
    INTRODUCTION,
    `![Memory over time](${figure})`,
    ...SERIES_NAMES.flatMap((name) =>
      name === SERIES.kills.name
        ? []
        : [
            ...seriesSections(ofSeries(entries, name), SERIES[name].title),
            ...leftOut(ofSeries(entries, name), name),
          ],
    ),
    ...seriesSections(ofSeries(entries, 'own'), 'Other shapes'),
    ...(undisturbed.length > 0
      ? [
          '## Histories',
          'Workflows of each type, and the longest and largest history of one.',
          histories(undisturbed),
          '## Memory',
          'Resident MiB of the processes at a tenth, half and the end of the time; of Postgres all processes, with what they share counted once.',
          memory(undisturbed),
          '## Questions',
          'Of the full database: what `status` and the lines of progress ask, the summary of the end, and `doctor`.',
          questions(undisturbed),
        ]
      : []),
    ...recoverySections(entries),
    '## Machine',
    [...new Set(entries.map(({ machine }) => `- ${machine}`))].join('\n'),
  ];
  return `${sections.join('\n\n')}\n`;
}

const INTRODUCTION = `Made by \`node dist/bench/scale.js\` ([how](../docs/scaling.md#measure-it-yourself)). DummyT2I and DummyI2T (pictures of one
colour, 4,096 texts), seed -1, a vector of 768 numbers for each text and a diagram of dimension 0 for each run. Each line has a
server, workers and a database of its own, all on this machine; Postgres syncs every commit to the disk, as SQLite does. Invocations/s:
all of them over the time from the first to the last. CPU: processor time for each invocation, in ms. Bytes: for each invocation; the database
with its vectors, without write-ahead logs. SQLite's CPU is within the workers'.`;

function ofSeries(entries: readonly Entry[], name: string): Entry[] {
  return entries.filter(({ series }) => series === name);
}

function seriesSections(entries: readonly Entry[], title: string): string[] {
  if (entries.length === 0) return [];
  const several = entries.filter(({ measured }) => measured.experiments.length > 1);
  const poisoned = entries.filter(({ measured }) =>
    measured.experiments.some((one) => one.poisoned !== null),
  );
  // The shapes of a mixed series are not smaller and larger ones of one kind.
  const grown = several.length > 0 ? null : growth(entries);
  return [
    `## ${title}`,
    costs(entries),
    ...(several.length > 0 ? ['Each of the experiments:', ofEach(several)] : []),
    ...(poisoned.length > 0
      ? ['Poisoned runs fail alone, and `retry` takes up just those:', ofPoisoned(poisoned)]
      : []),
    ...(grown === null ? [] : ['From the smallest to the largest, as factors:', grown]),
  ];
}

/** Shapes of the series for which one store has no line. */
function leftOut(entries: readonly Entry[], series: SeriesName): string[] {
  const lines = [...new Set(entries.map(({ store }) => store))].flatMap((store) =>
    SERIES[series].shapes
      .filter(({ name }) => !entries.some((one) => one.store === store && one.shape === name))
      .map(({ name, invocations }) => {
        const minutes = predictedMinutes(entries, { series, store, invocations });
        const time =
          minutes === null ? '' : `; about ${significant(minutes)} min at the rate of the line before`;
        return `- ${name} on ${store}${time}`;
      }),
  );
  return lines.length === 0 ? [] : ['Not measured:', lines.join('\n')];
}

function recoverySections(entries: readonly Entry[]): string[] {
  const killed = entries.filter(({ measured }) => measured.recoveries.length > 0);
  if (killed.length === 0) return [];
  return [
    '## From SIGKILL to the next step',
    `Seconds from a SIGKILL of the worker of the models' queue (gpu), or of every worker, to the next stored step of each run that was under
way; another worker is started at once. First, median and last run of a kill: the median over the kills. Of all: quantiles of all runs
and kills. Then what was left was cancelled, and \`doctor\` found nothing missing, doubled or wrong.`,
    recoveries(killed),
    markdownTable(
      ['runs x steps', 'store', 'invocations made', 'load before'],
      killed.map(({ shape, store, measured, loadBefore }) => [
        shape,
        store,
        String(measured.invocations),
        loadBefore.toFixed(1),
      ]),
      2,
    ),
  ];
}
