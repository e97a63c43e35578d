/**
 * The sfc32 generator (Doty-Humphrey's PractRand): 128 bits of state and 32 bits per draw. It uses integer
 * arithmetic only, so every machine draws the same numbers.
 */
export class Sfc32 {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  /** Four 32-bit words: the whole state. */
  constructor(state: readonly [number, number, number, number]) {
    [this.#a, this.#b, this.#c, this.#counter] = state;
    for (let i = 0; i < 12; i++) this.word();
  }

  /** A uniform 32-bit unsigned integer. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}
