import { AnalysisInputError } from '../errors.js';

/** Throws AnalysisInputError, which names the place, unless the variables are of one length and finite. */
export function refuseUnpaired(variables: Readonly<Record<string, ArrayLike<number>>>): void {
  const lengths = Object.entries(variables).map(([name, { length }]) => `${name} has ${length}`);
  if (new Set(Object.values(variables).map(({ length }) => length)).size > 1) {
    throw new AnalysisInputError(`${lengths.join(', ')} values; expected one value of each for every run`);
  }
  for (const [name, values] of Object.entries(variables)) {
    for (let place = 0; place < values.length; place++) {
      if (!Number.isFinite(values[place])) {
        throw new AnalysisInputError(`${name}[${place}] is ${values[place]}; expected a finite number`);
      }
    }
  }
}
