import { modelAt } from '../../experiment/config.js';
import type { ExperimentConfig } from '../../experiment/config.js';
import { seedOfStep } from '../../experiment/ids.js';
import type { Snapshot } from '../connection/database.js';
import { experimentReader } from '../read/experiment-reader.js';
import type { StepRecord, StoredRun } from '../read/rows.js';
import { paced } from './yield-turns.js';
import type { OnRows } from './yield-turns.js';
import type { Repair } from './repair.js';
import type { Invariant, Violation } from './violation.js';

/** The columns of a run that the checks read. */
export const CHECKED_OF_RUN = [
  'id',
  'experimentId',
  'runIndex',
  'network',
  'seed',
  'drawnSeed',
  'promptId',
  'maxLength',
  'status',
  'stopReason',
  'length',
  'cycleStart',
  'cycleLength',
] as const satisfies readonly (keyof StoredRun)[];

export type CheckedRun = Omit<Pick<StoredRun, (typeof CHECKED_OF_RUN)[number]>, 'network'> & {
  /** Null if the column does not hold a list of names; the check of the plan reports that. */
  readonly network: readonly string[] | null;
};

const CHECKED = [
  'id',
  'sequence',
  'seed',
  'source',
  'inputId',
  'outputId',
  'model.name',
  'model.kind',
  'model.input',
  'model.output',
  'output.modality',
] as const satisfies readonly (keyof StepRecord)[];

type CheckedStep = Pick<StepRecord, (typeof CHECKED)[number]>;

/** The previous step, or its substitute at the start of a run. */
interface Before {
  readonly sequence: number;
  readonly outputId: number;
  readonly modality: string | null;
}

/** Invariants 1 and 2 of one run, in one walk over its steps. */
export async function* checkTrajectory(
  snapshot: Snapshot,
  run: CheckedRun,
  config: ExperimentConfig,
  onRows: OnRows,
): AsyncGenerator<Violation, void, undefined> {
  if (run.network === null) return;
  const cycle = new CycleWitness(run);
  let before: Before = { sequence: -1, outputId: run.promptId, modality: 'text' };
  let count = 0;
  for await (const step of paced(experimentReader(snapshot).stepsOf(run.id, CHECKED), onRows)) {
    count++;
    yield* stepProblems(run, run.network, before, step);
    const unfounded = cycle.see(step);
    if (unfounded !== null) yield stepViolation(1, run, step, unfounded.text, unfounded.repair);
    before = { sequence: step.sequence, outputId: step.outputId, modality: step['output.modality'] };
  }
  yield* endProblems(run, config, count);
  for (const problem of cycle.problems()) yield runViolation(run, problem);
}

function* stepProblems(
  run: CheckedRun,
  network: readonly string[],
  before: Before,
  step: CheckedStep,
): Generator<Violation> {
  const { sequence, 'output.modality': modality, 'model.output': promises } = step;
  const { 'model.name': name, 'model.input': takes } = step;
  const follows = sequence === before.sequence + 1;
  const again: Repair = { kind: 'recompute steps', run: run.id, from: sequence, to: sequence };
  if (!follows) {
    const where =
      before.sequence < 0 ? 'is the first of its run' : `comes after ${before.sequence} in its run`;
    const next = before.sequence + 1;
    // If two steps have one place, nothing shows which one was stored first.
    const repair: Repair =
      sequence > next
        ? { kind: 'recompute steps', run: run.id, from: next, to: sequence - 1 }
        : { kind: 'cut run', run: run.id, from: Math.max(0, sequence) };
    yield stepViolation(1, run, step, `sequence ${sequence} ${where}; the next is ${next}`, repair);
  }
  if (follows && step.inputId !== before.outputId) {
    const from = sequence === 0 ? "the run's prompt" : `the output of step ${before.sequence}`;
    // It is not known yet which of the two is wrong.
    const repair: Repair = { ...again, from: Math.max(0, sequence - 1) };
    const text = `its input is artifact ${step.inputId}, ${from} is artifact ${before.outputId}`;
    yield stepViolation(2, run, step, text, repair);
  }
  const model = modelAt(network, sequence);
  if (step['model.kind'] !== 'generative' || name !== model) {
    const text = `its model is ${name ?? 'missing'}, its network has ${model} at this position`;
    yield stepViolation(2, run, step, text, again);
  } else if (follows && takes !== before.modality) {
    const text = `its model ${model} takes ${takes}, its input is ${before.modality ?? 'missing'}`;
    yield stepViolation(2, run, step, text, again);
  }
  if (modality === null) {
    yield stepViolation(2, run, step, `its output, artifact ${step.outputId}, is missing`, again);
  } else if (promises !== null && modality !== promises) {
    const text = `its output is ${modality}, its model ${name} promises ${promises}`;
    yield stepViolation(2, run, step, text, again);
  }
  // A run of seed -1 without its drawn seed differs from its plan; that check reports it.
  if (run.seed >= 0 || run.drawnSeed !== null) {
    const seed = seedOfStep(run, sequence);
    if (step.seed !== seed) {
      yield stepViolation(2, run, step, `its seed is ${step.seed}, its run gives it ${seed}`, again);
    }
  }
}

/** Compares the end of the trajectory with the number of its steps and with the experiment's settings. */
function* endProblems(run: CheckedRun, config: ExperimentConfig, count: number): Generator<Violation> {
  const { status, stopReason, length, maxLength, cycleLength } = run;
  if (count > maxLength) {
    const text = `it has ${count} invocations, its max_length is ${maxLength}`;
    yield runViolation(run, text, { kind: 'cut run', run: run.id, from: maxLength });
  }
  if (stopReason === null) {
    if (status === 'finished') yield runViolation(run, 'it is finished without a stop reason');
    if (length !== null) yield runViolation(run, `its length is ${length}, and it has not ended`);
    if (count === maxLength) {
      yield runViolation(run, `it has all of its ${maxLength} invocations and no stop reason`);
    }
    return;
  }
  if (length !== count) {
    yield runViolation(run, `its length is ${length}, and it has ${count} invocations`);
  }
  if (stopReason === 'length' && count !== maxLength) {
    yield runViolation(run, `it ended by length with ${count} of ${maxLength} invocations`);
  }
  if (stopReason === 'cycle' && (cycleLength === null || config.on_cycle === 'continue')) {
    const text =
      cycleLength === null
        ? 'it ended at a cycle without naming it'
        : 'it ended at a cycle, and its experiment continues at cycles';
    yield runViolation(run, text);
  }
  if (stopReason === 'length' && cycleLength !== null && config.on_cycle === 'stop') {
    yield runViolation(run, 'it met a cycle and went on, and its experiment stops at cycles');
  }
}

/** Checks, step by step, whether a trajectory has the cycle that its run states. */
class CycleWitness {
  private readonly start: number | null;
  private readonly length: number | null;
  /** The last `length` outputs, by sequence modulo `length`. */
  private readonly outputs: number[] = [];
  private atStart: number | null = null;
  private atRepeat: number | null = null;

  constructor(private readonly run: CheckedRun) {
    this.start = run.cycleStart;
    this.length = run.cycleLength;
  }

  /** The fault of a step that was filled in from the cycle; null for any other step. */
  see(step: CheckedStep): { readonly text: string; readonly repair: Repair } | null {
    const { start, length, run } = this;
    const { sequence, outputId } = step;
    // No row says any more which call computed it.
    const cut: Repair = { kind: 'cut run', run: run.id, from: sequence };
    if (start === null || length === null || length <= 0) {
      if (step.source !== 'cycle') return null;
      return { text: 'it was filled in from a cycle, and its run has none', repair: cut };
    }
    const earlier = this.outputs[sequence % length];
    this.outputs[sequence % length] = outputId;
    if (sequence === start) this.atStart = outputId;
    if (sequence === start + length) this.atRepeat = outputId;
    if (step.source !== 'cycle') return null;
    if (sequence <= start + length) {
      const known = `it was filled in from a cycle that is only known after sequence ${start + length}`;
      return { text: known, repair: cut };
    }
    if (earlier === outputId) return null;
    const text = `it is not what its run's cycle of ${length} gives here`;
    return { text, repair: { kind: 'recompute steps', run: run.id, from: sequence, to: sequence } };
  }

  *problems(): Generator<string> {
    const { start, length, run } = this;
    if (start === null && length === null) return;
    if (start === null || length === null || length <= 0 || start < 0) {
      yield `its cycle starts at ${start} and has length ${length}`;
      return;
    }
    if (run.seed < 0) yield 'it has a cycle, and every step of seed -1 has its own seed';
    if (length % run.network!.length !== 0) {
      yield `its cycle of ${length} is not a whole number of rounds of its ${run.network!.length} models`;
    }
    if (this.atStart === null || this.atStart !== this.atRepeat) {
      yield `its outputs at ${start} and ${start + length} differ, so the cycle that it names is none`;
    }
    if (run.stopReason === 'cycle' && run.length !== start + length + 1) {
      yield `it ended at a cycle with length ${run.length}; the repeat is at sequence ${start + length}`;
    }
  }
}

function stepViolation(
  invariant: Invariant,
  run: CheckedRun,
  step: CheckedStep,
  problem: string,
  repair: Repair,
): Violation {
  const where = `step ${step.sequence} of run ${run.runIndex} of experiment ${run.experimentId}`;
  return { invariant, table: 'invocations', id: step.id, message: `${where}: ${problem}`, repair };
}

function runViolation(
  run: CheckedRun,
  problem: string,
  repair: Repair = { kind: 'restore run', run: run.id },
): Violation {
  const message = `run ${run.runIndex} of experiment ${run.experimentId}: ${problem}`;
  return { invariant: 1, table: 'runs', id: run.id, message, repair };
}
