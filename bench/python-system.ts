/**
 * Measures the Python system on Ray, which this one replaces, beside this one: the same experiments with
 * dummy models, in turns in one session, since machines drift. Needs Linux, Python 3.12, 6 GB for packages
 * that the first call installs, and a checkout of the sources (for a wrong one the message says what to
 * clone).
 *
 *   node dist/bench/python-system.js --python-system FOLDER [--shapes 1x10000,50x100,200x20] [--repeats 3]
 *     [--ray-cpus 8] [--python PATH]
 *
 * Prints a table in Markdown, and remarks that a reader needs. Leave the machine alone meanwhile: half an
 * hour on two cores.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { CommandError, runCommand } from './common/command.js';
import { describeMachine } from './common/machine.js';
import { SHAPES, type Shape } from './pipeline/shapes.js';
import { installPythonSystem, REPORTED } from './python-system/installation.js';
import { measureOurs, measurePythonSystem, type Measured } from './python-system/measured.js';
import { remarks, speedTable, type Comparison } from './python-system/report.js';

/** The Python system always computes degree 2. For 5,000 vectors of random directions, no user does that. */
const COMPARED: Readonly<Record<string, Shape>> = {
  '1x10000': SHAPES['trivial-10k'],
  '50x100': { ...SHAPES['trivial-50x100'], maxDimension: 2 },
  '200x20': { ...SHAPES['trivial-200x20'], maxDimension: 2 },
};
/** Two for the models, one for a run. */
const LEAST_RAY_CPUS = 3;
const ORDERS = [
  ['ours', 'theirs'],
  ['theirs', 'ours'],
] as const;

await runCommand(async () => {
  const { values } = parseArgs({
    options: {
      'python-system': { type: 'string' },
      shapes: { type: 'string', default: Object.keys(COMPARED).join(',') },
      repeats: { type: 'string', default: '3' },
      'ray-cpus': { type: 'string', default: '8' },
      python: { type: 'string' },
    },
  });
  const shapes = values.shapes.split(',').map(namedShape);
  const repeats = wholeNumber('repeats', values.repeats, 1);
  const rayCpus = wholeNumber('ray-cpus', values['ray-cpus'], LEAST_RAY_CPUS);
  const installation = installPythonSystem(values['python-system'], values.python);
  const machine = describeMachine(installation.python, REPORTED);
  const loadBefore = loadavg()[0]!;

  const comparisons: Comparison[] = [];
  for (const { name, shape } of shapes) {
    const ours: Measured[] = [];
    const theirs: Measured[] = [];
    const measureOne = {
      ours: async () => ours.push(said(name, 'ours', await measureOurs(shape))),
      theirs: async () =>
        theirs.push(said(name, 'theirs', await measurePythonSystem(installation, shape, rayCpus))),
    };
    for (let repeat = 0; repeat < repeats; repeat++) {
      // The order changes, so that neither program always finds the machine as the other left it.
      for (const program of ORDERS[repeat % 2]!) await measureOne[program]();
    }
    comparisons.push({ name, maxDimension: shape.maxDimension, ours, theirs });
  }
  console.log(
    `${speedTable(comparisons)}\n\n${remarks(comparisons, installation, rayCpus, machine, loadBefore)}`,
  );
});

function namedShape(name: string): { name: string; shape: Shape } {
  const shape = COMPARED[name];
  if (shape !== undefined) return { name, shape };
  throw new CommandError(`--shapes has ${name}; expected some of ${Object.keys(COMPARED).join(', ')}`);
}

function wholeNumber(option: string, word: string, least: number): number {
  const value = Number(word);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new CommandError(`--${option} is ${word}; expected a whole number from ${least} on`);
}

/** Prints each result at once, so that it is not lost if the rest fails. */
function said(shape: string, program: string, measured: Measured): Measured {
  console.error(JSON.stringify({ shape, program, ...measured }));
  return measured;
}
