import { parseArgs } from 'node:util';
import { assertNever } from '../../common/errors.js';
import { CommandError } from '../common/command.js';
import { FAMILIES, type Family } from '../common/clouds.js';
import { PROGRAMS, type Contestant, type Program } from './measurement.js';
import { namesOf } from '../../common/records.js';

export interface BenchOptions {
  readonly families: readonly Family[];
  /** Numbers of points, for every program. */
  readonly sizes: readonly number[];
  /** Further numbers of points, for ours only. */
  readonly ourSizes: readonly number[];
  readonly dimensions: readonly number[];
  readonly contestants: readonly Contestant[];
  readonly timeLimitSeconds: number;
  readonly repeats: number;
  readonly seed: number;
  readonly python: string | undefined;
  /** Options that differ from their defaults and change what is measured, with their values. */
  readonly changed: readonly string[];
  /** The table, in Markdown. */
  readonly out: string;
  /** The figure, in SVG. */
  readonly figure: string;
}

/** What is measured by default. */
const DEFAULTS = {
  families: FAMILIES.join(','),
  sizes: '100,200,500,1000',
  'our-sizes': '',
  dimensions: '1,2',
  programs: PROGRAMS.join(','),
  threads: '1,2',
  'time-limit': '120',
  repeats: '3',
  seed: '1',
} as const;

/** Options of the command line. Throws a CommandError that names an option that cannot be used. */
export function readOptions(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    options: {
      families: { type: 'string', default: DEFAULTS.families },
      sizes: { type: 'string', default: DEFAULTS.sizes },
      'our-sizes': { type: 'string', default: DEFAULTS['our-sizes'] },
      dimensions: { type: 'string', default: DEFAULTS.dimensions },
      programs: { type: 'string', default: DEFAULTS.programs },
      threads: { type: 'string', default: DEFAULTS.threads },
      'time-limit': { type: 'string', default: DEFAULTS['time-limit'] },
      repeats: { type: 'string', default: DEFAULTS.repeats },
      seed: { type: 'string', default: DEFAULTS.seed },
      python: { type: 'string' },
      out: { type: 'string', default: 'bench/persistence.md' },
    },
  });
  if (!values.out.endsWith('.md'))
    throw new CommandError(`--out is ${values.out}; expected a name ending in .md`);
  const programs = listed('programs', values.programs, PROGRAMS);
  return {
    families: listed('families', values.families, FAMILIES),
    sizes: numbers('sizes', values.sizes, 1, 65_535),
    ourSizes: numbers('our-sizes', values['our-sizes'], 1, 65_535),
    dimensions: numbers('dimensions', values.dimensions, 0, 2),
    contestants: contestants(programs, numbers('threads', values.threads, 1, 1024)),
    timeLimitSeconds: number('time-limit', values['time-limit'], 1, 1e6),
    repeats: number('repeats', values.repeats, 1, 1000),
    seed: number('seed', values.seed, 0, 2 ** 32 - 1),
    python: values.python,
    changed: namesOf(DEFAULTS).flatMap((option) => {
      const value = values[option];
      return value === DEFAULTS[option] ? [] : [`--${option}`, value];
    }),
    out: values.out,
    figure: values.out.replace(/\.md$/, '.svg'),
  };
}

function contestants(programs: readonly Program[], threads: readonly number[]): Contestant[] {
  const most = threads.at(-1) ?? 1;
  return programs.flatMap((program): Contestant[] => {
    switch (program) {
      case 'ours':
        return threads.map((count) => ({ program, threads: count, label: `ours, ${inThreads(count)}` }));
      case 'giotto-ph':
        return [{ program, threads: most, label: `giotto-ph, ${inThreads(most)}` }];
      case 'giotto-ph-collapse':
        return [{ program, threads: most, label: `giotto-ph, collapsed, ${inThreads(most)}` }];
      case 'ripser':
        return [{ program, threads: 1, label: 'Ripser' }];
      default:
        return assertNever(program);
    }
  });
}

function inThreads(count: number): string {
  return count === 1 ? '1 thread' : `${count} threads`;
}

function listed<Name extends string>(option: string, value: string, known: readonly Name[]): Name[] {
  return split(value).map((word) => {
    const name = known.find((candidate) => candidate === word);
    if (name === undefined)
      throw new CommandError(`--${option} has ${word}; expected some of ${known.join(', ')}`);
    return name;
  });
}

/** In rising order. */
function numbers(option: string, value: string, least: number, most: number): number[] {
  return [...new Set(split(value).map((word) => number(option, word, least, most)))].toSorted(
    (a, b) => a - b,
  );
}

function number(option: string, word: string, least: number, most: number): number {
  const value = Number(word);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new CommandError(`--${option} has ${word}; expected whole numbers from ${least} to ${most}`);
}

function split(value: string): string[] {
  return value.split(',').filter((word) => word !== '');
}
