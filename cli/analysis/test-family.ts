import { benjaminiHochberg, type GroupTest, holm } from '../../analysis/index.js';

/** A test of one call of `analyse`: every one counts in the same family. */
export interface FamilyTest {
  readonly model: string | null;
  /** Null: the test compares networks. */
  readonly network: string | null;
  readonly statistic: string;
  /** What the test compares, in words. */
  readonly compares: string;
  /** The observed statistic; null where it is not defined. */
  readonly value: number | null;
  readonly test: GroupTest | null;
  /** Why `value` or `test` is null. */
  readonly reason: string | null;
}

export interface AdjustedTest extends Omit<FamilyTest, 'test'> {
  readonly p: number | null;
  /** No p of this test can be smaller. */
  readonly floor: number | null;
  readonly atFloor: boolean | null;
  /** Whether all arrangements were compared; else that many draws were. */
  readonly isExact: boolean | null;
  readonly compared: number | null;
  readonly arrangements: number | null;
  /** Benjamini and Hochberg. */
  readonly q: number | null;
  /** Holm; null in a family of 20 tests or more. */
  readonly holm: number | null;
}

/** In larger families Holm's correction leaves hardly any test; q then says more. */
const FEWEST_WITHOUT_HOLM = 20;
/** A p that equals its floor up to rounding is at the floor. */
const ROUNDING = 1e-9;

/** Adjusts the p-values of one call. A test that was not made does not count. */
export function adjusted(family: readonly FamilyTest[]): AdjustedTest[] {
  const p = family.map(({ test }) => test?.p ?? null);
  const q = benjaminiHochberg(p);
  const made = p.filter((value) => value !== null).length;
  const byHolm = made < FEWEST_WITHOUT_HOLM ? holm(p) : p.map(() => null);
  return family.map(({ test, ...told }, place) => ({
    ...told,
    p: p[place]!,
    floor: test?.floor ?? null,
    atFloor: test === null ? null : test.p <= test.floor * (1 + ROUNDING),
    isExact: test?.isExact ?? null,
    compared: test?.compared ?? null,
    arrangements: test?.arrangements ?? null,
    q: q[place]!,
    holm: byHolm[place]!,
  }));
}
