import { expect, test } from '@jest/globals';
import { TdaMemoryError } from '../../tda/index.js';
import { Relations } from '../../tda/relations.js';
import { seededRandom } from '../support/point-clouds.js';

/** The same relations as big integers: each class is replaced by its relation whenever a sum contains it. */
class PlainRelations {
  private readonly relations = new Map<number, bigint>();

  /** Which class dies when this sum becomes zero, or -1. */
  kill(sum: readonly number[]): number {
    let rest = sum.reduce((bits, number) => bits ^ (1n << BigInt(number)), 0n);
    while (rest !== 0n) {
      const youngest = rest.toString(2).length - 1;
      const relation = this.relations.get(youngest);
      if (relation === undefined) {
        this.relations.set(youngest, rest);
        return youngest;
      }
      rest ^= relation;
    }
    return -1;
  }
}

// Sums of many classes make relations dense, and few deaths make rows long.
test.each([
  { classes: 40, terms: 3, deathRate: 0.6 },
  { classes: 600, terms: 2, deathRate: 0.6 },
  { classes: 600, terms: 40, deathRate: 0.5 },
  { classes: 900, terms: 8, deathRate: 0.3 },
])('of $classes classes, in sums of $terms: the youngest dies', ({ classes, terms, deathRate }) => {
  const random = seededRandom(classes + terms);
  const relations = new Relations(2 ** 26);
  const plain = new PlainRelations();
  const dead = new Set<number>();
  let born = 0;
  for (let step = 0; step < 3 * classes; step++) {
    if (born < classes && (born === 0 || random() > deathRate)) {
      relations.birth();
      born++;
      continue;
    }
    const sum = Array.from({ length: 1 + Math.floor(terms * random()) }, () => Math.floor(born * random()));
    for (const number of sum) relations.add(number);
    const youngest = relations.kill();
    if (youngest !== plain.kill(sum)) throw new Error(`in step ${step} class ${youngest} died`);
    if (youngest >= 0) dead.add(youngest);
    // A class that is known to be zero adds nothing.
    const zeros = sum.filter((number) => relations.isZero(number));
    if (zeros.some((number) => !dead.has(number) || plain.kill([number]) >= 0)) throw new Error('not zero');
  }
  expect(dead.size).toBeGreaterThan(classes / 2);
});

test('relations that take more memory than allowed are an error with the remedies', () => {
  const relations = new Relations(2 ** 18);
  const random = seededRandom(1);
  const grow = () => {
    for (let born = 1; ; born++) {
      relations.birth();
      for (let k = 0; k < 9; k++) relations.add(Math.floor(born * random()));
      if (born % 3 === 0) relations.kill();
    }
  };
  expect(grow).toThrow(TdaMemoryError);
  expect(grow).toThrow(/classes of one degree.*max_dimension.*fewer points.*max_edge_length/);
});
