import { lowerBound } from '../../tda/lower-bound.js';
import { AnalysisInputError } from '../errors.js';

/** The exact cycle at which a run stopped, in invocations, as the store has it. */
export interface InvocationCycle {
  /** Sequence of the first invocation of the cycle. */
  readonly start: number;
  /** Invocations in a round. */
  readonly length: number;
}

/**
 * The steps of a run that stopped at an exact cycle, continued up to a horizon: x(k) = x(k0 + (k - k0) mod q),
 * where k0 is the first embedded output at or after the start of the cycle, and q the number of embedded outputs
 * in a round. Such a run is known for ever, so that group statistics treat it as a run that went on.
 *
 * `steps` holds a number for each embedded output: the row of its vector, or the number of its artifact.
 * `invocations` holds the sequence of the invocation that made each, rising. `horizon` is the number of embedded
 * outputs wanted. A run that has as many keeps all of them.
 *
 * Throws AnalysisInputError if the arrays do not fit together, if no output lies in the cycle, or if the outputs
 * after the first round do not repeat it.
 */
export function extendCycle(
  steps: Uint32Array,
  invocations: Uint32Array,
  cycle: InvocationCycle,
  horizon: number,
): Uint32Array {
  checkCycle(steps, invocations, cycle);
  const first = lowerBound(invocations, cycle.start);
  const inRound = lowerBound(invocations, cycle.start + cycle.length) - first;
  if (inRound === 0) {
    throw new AnalysisInputError(
      `no step lies in the cycle of the invocations ${cycle.start} to ${cycle.start + cycle.length - 1}; ` +
        'a run is extended by the embedded outputs of its cycle',
    );
  }
  for (let step = first + inRound; step < steps.length; step++) {
    if (steps[step] === steps[step - inRound]) continue;
    throw new AnalysisInputError(
      `steps[${step}] is ${steps[step]}, but steps[${step - inRound}], one round before, is ` +
        `${steps[step - inRound]}; the cycle does not repeat`,
    );
  }
  if (horizon <= steps.length) return steps.slice();
  const extended = new Uint32Array(horizon);
  extended.set(steps);
  for (let step = steps.length; step < horizon; step++) extended[step] = extended[step - inRound]!;
  return extended;
}

function checkCycle(steps: Uint32Array, invocations: Uint32Array, { start, length }: InvocationCycle): void {
  if (steps.length !== invocations.length) {
    throw new AnalysisInputError(
      `steps has ${steps.length} numbers and invocations ${invocations.length}; expected one of each for an output`,
    );
  }
  const descent = invocations.findIndex(
    (invocation, step) => step > 0 && invocation <= invocations[step - 1]!,
  );
  if (descent >= 0) {
    throw new AnalysisInputError(
      `invocations[${descent}] is ${invocations[descent]}, not above the one before it; sort the outputs by sequence`,
    );
  }
  if (!Number.isInteger(start) || start < 0 || !Number.isInteger(length) || length < 1) {
    throw new AnalysisInputError(
      `the cycle has start ${start} and length ${length}; expected whole numbers, at least 0 and 1`,
    );
  }
}
