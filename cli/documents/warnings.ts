import type { SharedVectors } from '../../db/index.js';
import { plural } from '../terminal/format.js';

/** Rows for a table of facts, about stored results that a user should look at. */
export function sharedVectorRows(shared: readonly SharedVectors[]): string[][] {
  return shared.map((one) => ['warning', sharedVectorText(one)]);
}

export function sharedVectorText({ model, everywhere, runs }: SharedVectors): string {
  const outputs = everywhere ? 'all distinct outputs' : `in ${plural(runs, 'run')} all distinct outputs`;
  return `${model} gave ${outputs} one and the same vector: the diagram has one point, whatever the outputs are`;
}

/** How many of the outputs stopped at their model's limit of tokens. No row if none did. */
export function cutOutputRows(cut: number, of: string): string[][] {
  return cut === 0 ? [] : [['cut outputs', `${cutOutputText(cut)} (of ${of})`]];
}

export function cutOutputText(cut: number): string {
  return `${plural(cut, 'output')} stopped at the limit of tokens, so that the end is missing`;
}
