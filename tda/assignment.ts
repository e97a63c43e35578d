/** One side of an assignment: rows or columns. */
export interface AssignmentSide {
  /** Cost of leaving each member without a partner, at least 0. */
  readonly leaveCosts: Float64Array;
  /** Writes the costs, at least 0, of one member with each member of the other side. */
  readonly fillCosts: (member: number, out: Float64Array) => void;
}

/** Partner of a member that is left without one. */
export const WITHOUT_PARTNER = -1;
const UNSETTLED = -2;

/**
 * The cheapest way to give every row and every column a partner on the other side, at the cost of the pair,
 * or no partner, at the cost of leaving. Returns for each row its column, or WITHOUT_PARTNER.
 *
 * Shortest augmenting paths with prices (Jonker & Volgenant, "A shortest augmenting path algorithm for dense
 * and sparse linear assignment problems", 1987; the loop is that of Crouse, "On implementing 2D rectangular
 * assignment algorithms", 2016). The usual square problem has n + m rows: each row and each column has a
 * private place where it can be left, and these places pair at no cost. Its dual needs prices of the rows and
 * columns only: price(row) + price(column) <= cost, with equality for partners; price <= leave cost, with
 * equality for those left. So a path may also end by leaving one of its members, and this code has neither
 * the places nor their pairs. It settles first the rows, then the columns that no row took.
 *
 * Time O((n + m) n m) at worst, memory O(n + m). Exact up to the rounding of sums of costs in float64.
 */
export function cheapestAssignment(rows: AssignmentSide, columns: AssignmentSide): Int32Array {
  const rowState = new SideState(rows);
  const columnState = new SideState(columns);
  const rowSearch = new PathSearch(rowState, columnState);
  for (let row = 0; row < rowState.size; row++) rowSearch.settle(row);
  const columnSearch = new PathSearch(columnState, rowState);
  for (let column = 0; column < columnState.size; column++) {
    if (columnState.partners[column] === UNSETTLED) columnSearch.settle(column);
  }
  return rowState.partners;
}

class SideState {
  readonly size: number;
  readonly leaveCosts: Float64Array;
  readonly fillCosts: (member: number, out: Float64Array) => void;
  /** Dual variables. */
  readonly prices: Float64Array;
  readonly partners: Int32Array;

  constructor({ leaveCosts, fillCosts }: AssignmentSide) {
    this.size = leaveCosts.length;
    this.leaveCosts = leaveCosts;
    this.fillCosts = fillCosts;
    this.prices = new Float64Array(this.size);
    this.partners = new Int32Array(this.size).fill(UNSETTLED);
  }
}

/** Dijkstra's search for the cheapest way to settle a member of the near side. It reuses its arrays. */
class PathSearch {
  private readonly near: SideState;
  private readonly far: SideState;
  private readonly costs: Float64Array;
  /** Reduced length of the cheapest path found so far to each member of the far side. */
  private readonly distances: Float64Array;
  /** The near member before each far member on that path. */
  private readonly previous: Int32Array;
  /** Far members; the first `closedCount` are in the order in which their distances became final. */
  private readonly order: Int32Array;
  private closedCount = 0;

  constructor(near: SideState, far: SideState) {
    this.near = near;
    this.far = far;
    this.costs = new Float64Array(far.size);
    this.distances = new Float64Array(far.size);
    this.previous = new Int32Array(far.size);
    this.order = Int32Array.from({ length: far.size }, (_, member) => member);
  }

  settle(start: number): void {
    const { near, far } = this;
    this.distances.fill(Infinity);
    this.closedCount = 0;
    let member = start;
    let reached = 0;
    let leaver = start;
    let leaveDistance = Infinity;
    for (;;) {
      const distance = reached + (near.leaveCosts[member]! - near.prices[member]!);
      if (distance < leaveDistance) {
        leaveDistance = distance;
        leaver = member;
      }
      const place = this.scan(member, reached);
      const nearest = place < 0 ? -1 : this.order[place]!;
      if (place < 0 || leaveDistance <= this.distances[nearest]!) {
        this.raisePrices(start, leaveDistance);
        this.leave(start, leaver);
        return;
      }
      reached = this.distances[nearest]!;
      if (far.partners[nearest]! < 0) {
        this.raisePrices(start, reached);
        this.match(start, nearest);
        return;
      }
      this.order[place] = this.order[this.closedCount]!;
      this.order[this.closedCount++] = nearest;
      member = far.partners[nearest]!;
    }
  }

  /**
   * Extends the paths by `member`, which is at distance `reached`. Returns the place in `order` of the
   * nearest open far member, or -1.
   */
  private scan(member: number, reached: number): number {
    const { costs, distances, previous, order } = this;
    const { prices, partners } = this.far;
    this.near.fillCosts(member, costs);
    const base = reached - this.near.prices[member]!;
    let nearestPlace = -1;
    let nearest = Infinity;
    for (let place = this.closedCount; place < order.length; place++) {
      const other = order[place]!;
      const through = base + costs[other]! - prices[other]!;
      if (through < distances[other]!) {
        distances[other] = through;
        previous[other] = member;
      }
      const distance = distances[other]!;
      // Among equally near members, one without a partner ends the search.
      if (distance < nearest || (distance === nearest && partners[other]! < 0)) {
        nearest = distance;
        nearestPlace = place;
      }
    }
    return nearestPlace;
  }

  /** Keeps the prices a dual solution that is tight along the path of length `length`. */
  private raisePrices(start: number, length: number): void {
    const { near, far, distances, order } = this;
    near.prices[start] = near.prices[start]! + length;
    for (let place = 0; place < this.closedCount; place++) {
      const other = order[place]!;
      const partner = far.partners[other]!;
      const rise = Math.max(0, length - distances[other]!);
      far.prices[other] = far.prices[other]! - rise;
      near.prices[partner] = near.prices[partner]! + rise;
    }
  }

  private leave(start: number, leaver: number): void {
    const { near } = this;
    const last = near.partners[leaver]!;
    near.partners[leaver] = WITHOUT_PARTNER;
    if (leaver !== start) this.match(start, last);
  }

  /** Exchanges partners along the path from `start` to the far member `end`. */
  private match(start: number, end: number): void {
    const { near, far, previous } = this;
    for (let other = end; ;) {
      const member = previous[other]!;
      const next = near.partners[member]!;
      near.partners[member] = other;
      far.partners[other] = member;
      if (member === start) return;
      other = next;
    }
  }
}
