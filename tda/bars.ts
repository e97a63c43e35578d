/** Collects the bars of one dimension, without bars of zero length. */
export class BarCollector {
  private readonly births: number[] = [];
  private readonly deaths: number[] = [];
  private readonly tagsByArrival: number[] = [];

  /** Adds the bar [birth, death), with a number by which the caller finds it again. */
  add(birth: number, death: number, tag = 0): void {
    if (death > birth) {
      this.births.push(birth);
      this.deaths.push(death);
      this.tagsByArrival.push(tag);
    }
  }

  /** birth, death, birth, death…, sorted by birth, then death. */
  diagram(): Float32Array {
    const { births, deaths } = this;
    const order = this.order();
    const diagram = new Float32Array(2 * order.length);
    order.forEach((bar, place) => {
      diagram[2 * place] = births[bar]!;
      diagram[2 * place + 1] = deaths[bar]!;
    });
    return diagram;
  }

  /** The tags of the bars, in the order of `diagram`. */
  tags(): number[] {
    return this.order().map((bar) => this.tagsByArrival[bar]!);
  }

  private order(): number[] {
    const { births, deaths } = this;
    const order = births.map((_, bar) => bar);
    return order.sort((a, b) => births[a]! - births[b]! || compare(deaths[a]!, deaths[b]!));
  }
}

/** Compares by value; subtraction would give NaN if both are Infinity. */
function compare(a: number, b: number): number {
  return a < b ? -1 : Number(a > b);
}
