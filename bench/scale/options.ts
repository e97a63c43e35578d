import { parseArgs } from 'node:util';
import { CommandError } from '../common/command.js';
import { STORE_KINDS, type StoreKind } from './databases.js';
import { SERIES, SERIES_NAMES, shapeOf, type Series } from './series.js';

export interface ScaleOptions {
  readonly series: readonly Series[];
  readonly stores: readonly StoreKind[];
  /** Runs under way at once, of each experiment. */
  readonly concurrency: number;
  /**
   * In minutes. A shape is left out if it would take longer, at the rate of the next smaller shape of its
   * series.
   */
  readonly longestMinutes: number;
  /** The page, in Markdown. The figures and the JSON of the entries are written beside it. */
  readonly out: string;
}

const USAGE = `usage: node dist/bench/scale.js --all | --series NAMES | --shape SHAPE [options], after npm run build

  --all                every series: ${SERIES_NAMES.join(', ')}
  --series NAMES       some of them, with commas between
  --shape SHAPE        RUNSxSTEPS of your own, or several experiments at the same time, as in 500x20+1x10000; may be repeated
  --stores NAMES       ${STORE_KINDS.join(',')} (default: both)
  --concurrency N      runs under way at once, of each experiment (default 64)
  --most N             leave out shapes of more than N invocations, but for those of kills
  --longest MINUTES    leave out what would take longer at the rate of the next smaller shape of its series (default 10)
  --kills N            SIGKILL a worker N times: the gpu worker, then all of them, and so on; then cancel what is left
                       (default: 20 in the series "kills", 0 for --shape)
  --out FILE.md        the page (default bench/scale.md); what an earlier command wrote there stays, but for what is measured again

for --shape alone:
  --poisoned           one run in a hundred fails; the others end, and "retry" runs those again
  --trajectories-only  no embeddings and no diagrams
`;

/** Throws a CommandError for arguments that it cannot read. */
export function readOptions(args: readonly string[]): ScaleOptions {
  const { values } = parsed(args);
  const kills = values.kills === undefined ? null : wholeNumber('kills', values.kills, 0);
  const named = values.all ? SERIES_NAMES : listed('series', values.series, SERIES_NAMES);
  const shapes = (values.shape ?? []).map(shapeOf);
  const most = values.most === undefined ? Infinity : wholeNumber('most', values.most, 1);
  if (named.length === 0 && shapes.length === 0) throw new CommandError(USAGE);
  if (shapes.length === 0 && (values.poisoned || values['trajectories-only'])) {
    throw new CommandError(`--poisoned and --trajectories-only are for --shape\n\n${USAGE}`);
  }
  if (kills !== null && shapes.length === 0 && !named.includes('kills')) {
    throw new CommandError(`--kills is for --shape and for the series "kills"\n\n${USAGE}`);
  }
  if (!values.out.endsWith('.md')) {
    throw new CommandError(`--out is ${values.out}; expected a name ending in .md`);
  }
  const own: Series = {
    name: 'own',
    title: 'Other shapes',
    shapes,
    embedded: !values['trajectories-only'],
    poisoned: values.poisoned,
    kills: kills ?? 0,
    checked: true,
  };
  const series = named
    .map((name) => SERIES[name])
    .map((one) => (one.kills === 0 ? within(one, most) : { ...one, kills: kills ?? one.kills }));
  return {
    series: [...series, own].filter((one) => one.shapes.length > 0),
    stores: listed('stores', values.stores, STORE_KINDS),
    concurrency: wholeNumber('concurrency', values.concurrency, 1),
    longestMinutes: wholeNumber('longest', values.longest, 1),
    out: values.out,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        all: { type: 'boolean', default: false },
        series: { type: 'string', default: '' },
        shape: { type: 'string', multiple: true },
        stores: { type: 'string', default: STORE_KINDS.join(',') },
        concurrency: { type: 'string', default: '64' },
        most: { type: 'string' },
        longest: { type: 'string', default: '10' },
        poisoned: { type: 'boolean', default: false },
        'trajectories-only': { type: 'boolean', default: false },
        kills: { type: 'string' },
        out: { type: 'string', default: 'bench/scale.md' },
      },
    });
  } catch (error) {
    throw new CommandError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
}

function within(series: Series, most: number): Series {
  return { ...series, shapes: series.shapes.filter(({ invocations }) => invocations <= most) };
}

function listed<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  return text
    .split(',')
    .filter((word) => word !== '')
    .map((word) => {
      const found = known.find((one) => one === word);
      if (found !== undefined) return found;
      throw new CommandError(`--${name} names "${word}"; it can be ${known.join(', ')}`);
    });
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new CommandError(`--${name} is "${text}"; it can be a whole number from ${least}`);
}
