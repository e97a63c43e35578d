import { hashText32 } from './random.js';

const WORD_WEIGHT = 2;
const WORD_PAIR_WEIGHT = 1;
const CHARACTER_WEIGHT = 0.5;
const CHARACTER_LENGTHS = [3, 4];

/**
 * A text as counts of its words, pairs of words and runs of 3 and 4 characters. Each of these adds to one signed
 * coordinate, chosen by its hash (the hashing trick: Weinberger et al. 2009, "Feature hashing for large scale
 * multitask learning"). The vector is L2-normalised. Texts that share words, or parts of words, get similar
 * vectors; case, punctuation and spacing do not count.
 */
export function embedHashedNgrams(text: string, dimension: number): Float32Array {
  const words =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  const sums = new Float64Array(dimension);
  add(sums, ' text', CHARACTER_WEIGHT); // so that a text without words has a vector too
  let previous = '';
  for (const word of words) {
    add(sums, word, WORD_WEIGHT);
    if (previous !== '') add(sums, `${previous} ${word}`, WORD_PAIR_WEIGHT);
    const edged = `<${word}>`;
    for (const length of CHARACTER_LENGTHS) {
      for (let start = 0; start + length <= edged.length; start++) {
        add(sums, `#${edged.slice(start, start + length)}`, CHARACTER_WEIGHT);
      }
    }
    previous = word;
  }
  return normalised(sums);
}

function add(sums: Float64Array, feature: string, weight: number): void {
  const hash = hashText32(feature);
  const index = (hash >>> 1) % sums.length;
  sums[index] = sums[index]! + ((hash & 1) === 1 ? weight : -weight);
}

/** The sums at length 1. Features can cancel each other, but the vector of a text is never zero. */
function normalised(sums: Float64Array): Float32Array {
  let squares = 0;
  for (const sum of sums) squares += sum * sum;
  if (squares === 0) {
    sums[0] = 1;
    squares = 1;
  }
  const length = Math.sqrt(squares);
  return Float32Array.from(sums, (sum) => sum / length);
}
