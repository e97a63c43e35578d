// AssemblyScript, not TypeScript: scripts/build.mjs compiles this file to kernel.wasm, and tda/kernel.ts calls it.
//
// A set of vertices is a row of bits, `stride` bytes long (a multiple of 16): vertex v is bit v & 63 of 64-bit word
// v >> 6. The graph has a row of neighbours for each vertex, which includes the vertex itself. The caller owns all
// memory; addresses are bytes. Loops over the words of a row read no globals: the engine would load them again each
// time, which halves the speed.

/** Stands for "no representative": the lune was empty. Equal to NO_VERTEX of tda/filtration.ts. */
const NO_VERTEX: i32 = 65535;

/** The graph that the functions below use: the whole graph, or the graph among some vertices (`enter`). */
let vertexCount: i32 = 0;
let stride: usize = 0;
let rows: usize = 0;

let wholeCount: i32 = 0;
let wholeStride: usize = 0;
let wholeRows: usize = 0;
let someRows: usize = 0;
/** The number in the whole graph, by the number in the graph among some vertices. */
let names: usize = 0;

let guesses: usize = 0;
let lune: usize = 0;
let core: usize = 0;
let candidates: usize = 0;
let beyond: usize = 0;
let reached: usize = 0;
let remaining: usize = 0;
let roots: usize = 0;
let inserted: usize = 0;
let order: usize = 0;
let scores: usize = 0;
let previous: usize = 0;
let parents: usize = 0;
/** Rows of neighbours in a spanning forest. */
let treeRows: usize = 0;

/** Rows looked at since the count was last set to 0. */
export let rowsRead: i32 = 0;
/** Bytes of records that the last search wrote. */
export let recordBytes: i32 = 0;
/** Edges by the link that `findComponents` found: empty, a cone whose apex was guessed, connected, disconnected. */
export let empty: i32 = 0;
export let cones: i32 = 0;
export let connected: i32 = 0;
export let disconnected: i32 = 0;
/** Edges that `findCores` wrote a record of. */
export let cores: i32 = 0;

/**
 * Makes a graph without edges at `base` (a multiple of 16), whose memory must be zero. linkKernelBytes of tda/kernel.ts
 * says how much memory the graph takes with all its scratch memory.
 */
export function makeGraph(count: i32, base: usize): void {
  wholeCount = count;
  wholeStride = ((count + 127) >> 7) << 4;
  const all = (count as usize) * wholeStride;
  const list = (count as usize) << 2;
  wholeRows = base;
  someRows = wholeRows + all;
  treeRows = someRows + all;
  lune = treeRows + all;
  core = lune + wholeStride;
  candidates = core + wholeStride;
  beyond = candidates + wholeStride;
  reached = beyond + wholeStride;
  remaining = reached + wholeStride;
  inserted = remaining + wholeStride;
  guesses = inserted + wholeStride;
  roots = guesses + list;
  names = roots + list;
  order = names + list;
  scores = order + list;
  previous = scores + list;
  parents = previous + list;
  leave();
  for (let v = 0; v < count; v++) {
    put(rowOf(v), v);
    store<i32>(at(guesses, v), -1);
  }
}

/** Address of an entry of a list of 32-bit numbers. */
function at(list: usize, index: i32): usize {
  return list + ((index as usize) << 2);
}

/** From now on the functions use the whole graph. */
function leave(): void {
  vertexCount = wholeCount;
  stride = wholeStride;
  rows = wholeRows;
}

/**
 * From now on the functions use the graph among the vertices of the set, numbered in their order. Writes all of them to
 * `core`.
 */
function enter(set: usize): void {
  let count = 0;
  for (let w: usize = 0; w < wholeStride; w += 8) {
    for (let word = load<u64>(set + w); word != 0; word &= word - 1) {
      store<i32>(at(names, count), ((w as i32) << 3) + (ctz(word) as i32));
      count++;
    }
  }
  vertexCount = count;
  stride = ((count + 127) >> 7) << 4;
  rows = someRows;
  clearSet(core);
  for (let a = 0; a < count; a++) {
    put(core, a);
    const from = wholeRows + (load<i32>(at(names, a)) as usize) * wholeStride;
    let to = rowOf(a);
    const end = to + stride;
    for (let b = 0; b < count; b += 64) {
      const last = min(count, b + 64);
      let word: u64 = 0;
      for (let c = last - 1; c >= b; c--) {
        const v = load<u32>(at(names, c));
        word = (word << 1) | ((load<u64>(from + (((v >> 6) as usize) << 3)) >> (v as u64)) & 1);
      }
      store<u64>(to, word);
      to += 8;
    }
    if (to < end) store<u64>(to, 0);
  }
  rowsRead += ((count * count) >> 7) + 1;
}

/** The neighbours of a vertex. */
function rowOf(vertex: i32): usize {
  return rows + (vertex as usize) * stride;
}

function addEdge(a: i32, b: i32): void {
  put(rowOf(a), b);
  put(rowOf(b), a);
}

// These loops replace memory.copy and memory.fill, whose call takes longer than a short row.
function copySet(to: usize, from: usize): void {
  const size = stride;
  for (let k: usize = 0; k < size; k += 16) v128.store(to + k, v128.load(from + k));
}

function clearSet(set: usize): void {
  const size = stride;
  for (let k: usize = 0; k < size; k += 16) v128.store(set + k, i64x2.splat(0));
}

function put(set: usize, vertex: i32): void {
  const place = set + (((vertex >> 6) as usize) << 3);
  store<u64>(place, load<u64>(place) | ((1 as u64) << ((vertex & 63) as u64)));
}

/** Adds `count` packed edges (larger vertex in the upper half) without a look at their links. */
export function addEdges(edges: usize, count: i32): void {
  for (let k = 0; k < count; k++) {
    const edge = load<u32>(at(edges, k));
    addEdge((edge >> 16) as i32, (edge & 0xffff) as i32);
  }
}

/**
 * Finds the components of the links of edges, and adds the edges, one after the other: up to `count`, until `rowBudget`
 * rows have been read or the records are full. Returns the number of edges. Writes the representative of each edge, a
 * vertex of its lune, which is an apex if the first guess is one.
 *
 * A link with several components gets a record of 32-bit words: place of the edge among these; number of components; a
 * vertex of each component: the representative, then the lowest vertex of each other component.
 */
export function findComponents(
  edges: usize,
  count: i32,
  representatives: usize,
  records: usize,
  recordsEnd: usize,
  rowBudget: i32,
): i32 {
  const largestRecord: usize = 4 * (2 + (vertexCount as usize));
  rowsRead = 0;
  let record = records;
  let k = 0;
  for (; k < count && rowsRead < rowBudget && recordsEnd - record >= largestRecord; k++) {
    const edge = load<u32>(at(edges, k));
    const head = (edge >> 16) as i32;
    const tail = (edge & 0xffff) as i32;
    let representative = NO_VERTEX;
    if (intersect(head, tail)) {
      const guessHead = at(guesses, head);
      const guessTail = at(guesses, tail);
      const first = load<i32>(guessHead);
      const second = load<i32>(guessTail);
      const isFirstIn = first >= 0 && has(lune, first);
      const isSecondIn = second >= 0 && has(lune, second);
      if (isFirstIn && covers(first)) {
        representative = first;
        cones++;
      } else if (isSecondIn && covers(second)) {
        representative = second;
        cones++;
      } else {
        representative = isFirstIn ? first : isSecondIn ? second : firstVertex(lune, 0);
        const rootCount = components(representative);
        if (rootCount > 1) {
          disconnected++;
          store<u32>(record, k as u32);
          store<u32>(record + 4, rootCount as u32);
          memory.copy(record + 8, roots, (rootCount as usize) << 2);
          record += 8 + ((rootCount as usize) << 2);
        } else {
          connected++;
        }
      }
      store<i32>(guessHead, representative);
      store<i32>(guessTail, representative);
    } else {
      empty++;
    }
    store<u16>(representatives + ((k as usize) << 1), representative as u16);
    addEdge(head, tail);
  }
  recordBytes = (record - records) as i32;
  return k;
}

/**
 * Finds the cores of the links of edges, and adds the edges, in the same way. Replaces the representative of a connected
 * link by an apex, if there is one.
 *
 * A link whose core may have cycles gets a record of 32-bit words: place of the edge; number of cycles that generate the
 * first homology of the core (some may be redundant); of each the number of vertices, and these in order around it.
 */
export function findCores(
  edges: usize,
  count: i32,
  representatives: usize,
  records: usize,
  recordsEnd: usize,
  rowBudget: i32,
): i32 {
  rowsRead = 0;
  let record = records;
  let k = 0;
  for (; k < count && rowsRead < rowBudget; k++) {
    const edge = load<u32>(at(edges, k));
    const head = (edge >> 16) as i32;
    const tail = (edge & 0xffff) as i32;
    const representative = load<u16>(representatives + ((k as usize) << 1)) as i32;
    if (representative != NO_VERTEX) {
      intersect(head, tail);
      const found = findApex(head, tail, representative);
      if (found >= 0) {
        store<u16>(representatives + ((k as usize) << 1), found as u16);
        store<i32>(at(guesses, head), found);
        store<i32>(at(guesses, tail), found);
      } else {
        store<u32>(record, k as u32);
        const end = writeCycles(record, recordsEnd);
        // There is no room: the caller empties the records, and calls again from this edge on.
        if (end == 0) break;
        if (end > record) cores++;
        record = end;
      }
    }
    addEdge(head, tail);
  }
  recordBytes = (record - records) as i32;
  return k;
}

/** Writes the cycles of the lune's core. Returns where the record ends; `record` if there are none, 0 if there is no room. */
function writeCycles(record: usize, recordsEnd: usize): usize {
  copySet(core, lune);
  let coreCount = thin(countCommon(core, core));
  let end = record;
  if (coreCount > 3) {
    const isEntered = coreCount <= 64 + (wholeCount >> 4);
    if (isEntered) enter(core);
    coreCount = collapse(coreCount);
    if (coreCount > 3 && hasNeighbours()) {
      if (!isEntered) enter(core);
      end = generatingCycles(record, recordsEnd);
    }
  }
  leave();
  return end;
}

/** How many vertices `thin` looks at in a round, and how many of these it tries. */
const SAMPLE: i32 = 64;
const TRIES: i32 = 8;

/**
 * Drops vertices that a vertex with many neighbours in the core dominates. Each round uses the best vertices of a sample,
 * as long as it helps. Returns how many vertices are left.
 */
function thin(count: i32): i32 {
  let before = count + 1;
  while (count > 3 && count < before) {
    before = count;
    count = thinBySample(count);
    if (count <= SAMPLE) return count;
  }
  return count;
}

function thinBySample(count: i32): i32 {
  const step = (count + SAMPLE - 1) / SAMPLE;
  let listed = 0;
  let place = 0;
  for (let v = firstVertex(core, 0); v >= 0; v = firstVertex(core, v + 1)) {
    if (place % step == 0) {
      store<i32>(at(order, listed), v);
      store<i32>(at(scores, listed), countCommon(core, rowOf(v)));
      listed++;
    }
    place++;
  }
  rowsRead += listed;
  for (let tries = 0; tries < TRIES && count > 3; tries++) {
    let best = -1;
    let most = 0;
    for (let k = 0; k < listed; k++) {
      const degree = load<i32>(at(scores, k));
      if (degree > most && has(core, load<i32>(at(order, k)))) {
        best = k;
        most = degree;
      }
    }
    if (best < 0) return count;
    store<i32>(at(scores, best), 0);
    count -= removeDominated(load<i32>(at(order, best)));
  }
  return count;
}

/** Number of vertices in both rows. */
function countCommon(a: usize, b: usize): i32 {
  let sum = i32x4.splat(0);
  for (let from: usize = 0; from < stride; from += 256) {
    // A byte holds at most 16 x 8.
    const to = min(stride, from + 256);
    let bytes = i8x16.splat(0);
    for (let k = from; k < to; k += 16) {
      bytes = i8x16.add(bytes, i8x16.popcnt(v128.and(v128.load(a + k), v128.load(b + k))));
    }
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes)));
  }
  return (
    i32x4.extract_lane(sum, 0) +
    i32x4.extract_lane(sum, 1) +
    i32x4.extract_lane(sum, 2) +
    i32x4.extract_lane(sum, 3)
  );
}

/** An apex of the lune: the representative, or the one of the last edge at one of the ends, or one found by a search; or -1. */
function findApex(head: i32, tail: i32, representative: i32): i32 {
  if (covers(representative)) return representative;
  const first = load<i32>(at(guesses, head));
  if (first >= 0 && has(lune, first) && covers(first)) return first;
  const second = load<i32>(at(guesses, tail));
  if (second >= 0 && has(lune, second) && covers(second)) return second;
  return apex();
}

/** Whether any two vertices of the core are neighbours. Otherwise each vertex is a component, and there is no cycle. */
function hasNeighbours(): bool {
  for (let u = firstVertex(core, 0); u >= 0; u = firstVertex(core, u + 1)) {
    if (countCommon(core, rowOf(u)) > 1) return true;
  }
  return false;
}

/**
 * Writes a record of cycles that generate the first homology of the flag complex on the core (some may be redundant), and
 * returns where it ends; 0 if there is no room.
 *
 * Vertices are inserted one at a time. A new vertex joined to several components of its lower link closes one cycle per
 * component beyond the first, unless it joins two trees; every other new edge is homologous to one of those.
 */
function generatingCycles(record: usize, recordsEnd: usize): usize {
  const count = orderForInsertion();
  clearSet(inserted);
  memory.fill(treeRows, 0, (vertexCount as usize) * stride);
  for (let v = 0; v < vertexCount; v++) store<i32>(at(parents, v), v);
  let end = record + 8;
  let cycles = 0;
  for (let k = 0; k < count; k++) {
    const vertex = load<i32>(at(order, k));
    const row = rowOf(vertex);
    for (let w: usize = 0; w < stride; w += 16) {
      v128.store(lune + w, v128.and(v128.load(inserted + w), v128.load(row + w)));
    }
    const first = firstVertex(lune, 0);
    const rootCount = first < 0 ? 0 : components(first);
    for (let m = 0; m < rootCount; m++) {
      const root = load<i32>(at(roots, m));
      if (unite(vertex, root)) {
        put(treeRows + (vertex as usize) * stride, root);
        put(treeRows + (root as usize) * stride, vertex);
      } else {
        end = writePath(vertex, root, end, recordsEnd);
        if (end == 0) return 0;
        cycles++;
      }
    }
    put(inserted, vertex);
  }
  if (cycles == 0) return record;
  store<u32>(record + 4, cycles as u32);
  return end;
}

/** Lists the core. The next vertex has the most neighbours in the list so far: on a chordal graph this closes no cycle. */
function orderForInsertion(): i32 {
  let count = 0;
  for (let v = firstVertex(core, 0); v >= 0; v = firstVertex(core, v + 1)) {
    store<i32>(at(order, count), v);
    store<i32>(at(scores, v), 0);
    count++;
  }
  for (let done = 0; done < count; done++) {
    let best = done;
    for (let k = done + 1; k < count; k++) {
      if (load<i32>(at(scores, load<i32>(at(order, k)))) > load<i32>(at(scores, load<i32>(at(order, best)))))
        best = k;
    }
    const vertex = load<i32>(at(order, best));
    store<i32>(at(order, best), load<i32>(at(order, done)));
    store<i32>(at(order, done), vertex);
    const row = rowOf(vertex);
    for (let k = done + 1; k < count; k++) {
      const other = load<i32>(at(order, k));
      const score = at(scores, other);
      store<i32>(score, load<i32>(score) + (has(row, other) ? 1 : 0));
    }
  }
  rowsRead += ((count * count) >> 5) + 1;
  return count;
}

/** Merges the trees of two vertices; false if they were in one tree. */
function unite(a: i32, b: i32): bool {
  const rootA = treeRoot(a);
  const rootB = treeRoot(b);
  store<i32>(at(parents, rootB), rootA);
  return rootA != rootB;
}

function treeRoot(vertex: i32): i32 {
  let root = vertex;
  while (load<i32>(at(parents, root)) != root) {
    store<i32>(at(parents, root), load<i32>(at(parents, load<i32>(at(parents, root)))));
    root = load<i32>(at(parents, root));
  }
  return root;
}

/** Writes the number of vertices on the path from `start` to `goal` in the forest, and the vertices. Returns its end. */
function writePath(start: i32, goal: i32, record: usize, recordsEnd: usize): usize {
  copySet(remaining, core);
  drop(remaining, start);
  // `scores` is no longer used, so it serves as a queue.
  store<i32>(scores, start);
  let queued = 1;
  for (let k = 0; k < queued; k++) {
    const vertex = load<i32>(at(scores, k));
    if (vertex == goal) break;
    const row = treeRows + (vertex as usize) * stride;
    for (let w: usize = 0; w < stride; w += 8) {
      let word = load<u64>(row + w) & load<u64>(remaining + w);
      store<u64>(remaining + w, load<u64>(remaining + w) & ~word);
      for (; word != 0; word &= word - 1) {
        const neighbour = ((w as i32) << 3) + (ctz(word) as i32);
        store<i32>(at(previous, neighbour), vertex);
        store<i32>(at(scores, queued), neighbour);
        queued++;
      }
    }
  }
  rowsRead += queued;
  let end = record + 4;
  let length = 0;
  let vertex = goal;
  while (true) {
    if (end + 4 > recordsEnd) return 0;
    store<u32>(end, load<u32>(at(names, vertex)));
    end += 4;
    length++;
    if (vertex == start) break;
    vertex = load<i32>(at(previous, vertex));
  }
  store<u32>(record, length as u32);
  return end;
}

/** Writes the common neighbours to the lune; false if there is none. */
function intersect(a: i32, b: i32): bool {
  const rowA = rowOf(a);
  const rowB = rowOf(b);
  const to = lune;
  const size = stride;
  let any = i64x2.splat(0);
  for (let k: usize = 0; k < size; k += 16) {
    const word = v128.and(v128.load(rowA + k), v128.load(rowB + k));
    v128.store(to + k, word);
    any = v128.or(any, word);
  }
  rowsRead += 2;
  return v128.any_true(any);
}

function has(set: usize, vertex: i32): bool {
  return ((load<u64>(set + (((vertex >> 6) as usize) << 3)) >> ((vertex & 63) as u64)) & 1) != 0;
}

function drop(set: usize, vertex: i32): void {
  const place = set + (((vertex >> 6) as usize) << 3);
  store<u64>(place, load<u64>(place) & ~((1 as u64) << ((vertex & 63) as u64)));
}

/** Whether `vertex` is a neighbour of the whole lune. */
function covers(vertex: i32): bool {
  return firstMissed(lune, vertex) < 0;
}

/** Lowest vertex of the set that is at least `from`, or -1. */
function firstVertex(set: usize, from: i32): i32 {
  if (from >= vertexCount) return -1;
  const size = stride;
  let k: usize = ((from >> 6) as usize) << 3;
  let word = load<u64>(set + k) & ((-1 as u64) << ((from & 63) as u64));
  while (word == 0) {
    k += 8;
    if (k >= size) return -1;
    word = load<u64>(set + k);
  }
  return ((k as i32) << 3) + (ctz(word) as i32);
}

/** Lowest vertex of `set` that is no neighbour of `vertex`, or -1. */
function firstMissed(set: usize, vertex: i32): i32 {
  const row = rowOf(vertex);
  const size = stride;
  rowsRead++;
  for (let k: usize = 0; k < size; k += 16) {
    const word = v128.andnot(v128.load(set + k), v128.load(row + k));
    if (v128.any_true(word)) return lowest(word, k);
  }
  return -1;
}

/** Lowest neighbour of `vertex` in `set`, or -1. */
function firstCommon(set: usize, vertex: i32): i32 {
  const row = rowOf(vertex);
  const size = stride;
  rowsRead++;
  for (let k: usize = 0; k < size; k += 16) {
    const word = v128.and(v128.load(set + k), v128.load(row + k));
    if (v128.any_true(word)) return lowest(word, k);
  }
  return -1;
}

/** Lowest vertex of the 128 that start at byte k of a row. */
function lowest(word: v128, k: usize): i32 {
  const low = i64x2.extract_lane(word, 0);
  if (low != 0) return ((k as i32) << 3) + (ctz(low) as i32);
  return ((k as i32) << 3) + 64 + (ctz(i64x2.extract_lane(word, 1)) as i32);
}

/**
 * A vertex of the lune that is a neighbour of the whole lune; -1 if there is none. A candidate that misses a vertex rules
 * out all candidates that miss the same vertex, so a few steps decide.
 */
function apex(): i32 {
  const left = candidates;
  const size = stride;
  copySet(left, lune);
  let candidate = firstVertex(left, 0);
  while (candidate >= 0) {
    const missed = firstMissed(lune, candidate);
    if (missed < 0) return candidate;
    const row = rowOf(missed);
    for (let k: usize = 0; k < size; k += 16) {
      v128.store(left + k, v128.and(v128.load(left + k), v128.load(row + k)));
    }
    rowsRead += 2;
    candidate = firstVertex(left, candidate + 1);
  }
  return -1;
}

/** Writes a vertex of each component of the lune to `roots`, `first` first, and returns their number. */
function components(first: i32): i32 {
  copySet(remaining, lune);
  let count = 0;
  let root = first;
  while (root >= 0) {
    store<i32>(at(roots, count), root);
    count++;
    clearSet(reached);
    if (!reach(root)) return count;
    let isGrowing = true;
    while (isGrowing) {
      isGrowing = false;
      for (let v = firstVertex(remaining, 0); v >= 0; v = firstVertex(remaining, v + 1)) {
        if (firstCommon(reached, v) < 0) continue;
        if (!reach(v)) return count;
        isGrowing = true;
      }
    }
    root = firstVertex(remaining, 0);
  }
  return count;
}

/** Moves the remaining neighbours of `vertex` to the reached ones; false if none remains. */
function reach(vertex: i32): bool {
  const row = rowOf(vertex);
  const from = remaining;
  const to = reached;
  const size = stride;
  let any = i64x2.splat(0);
  for (let k: usize = 0; k < size; k += 16) {
    const neighbours = v128.load(row + k);
    const left = v128.load(from + k);
    v128.store(to + k, v128.or(v128.load(to + k), v128.and(left, neighbours)));
    const word = v128.andnot(left, neighbours);
    v128.store(from + k, word);
    any = v128.or(any, word);
  }
  rowsRead += 3;
  return v128.any_true(any);
}

/**
 * Strong collapse (Barmak, Minian 2012) of the core, `count` vertices, in place. Drops vertices that another dominates
 * (all their neighbours in the set are its neighbours) until there are none. Returns how many vertices are left.
 */
function collapse(count: i32): i32 {
  let dominator = firstVertex(core, 0);
  let failures = 0;
  while (failures < count && count > 1) {
    const removed = removeDominated(dominator);
    count -= removed;
    failures = removed > 0 ? 0 : failures + 1;
    dominator = firstVertex(core, dominator + 1);
    if (dominator < 0) dominator = firstVertex(core, 0);
  }
  return count;
}

/** Drops from the core all vertices that `dominator` dominates; returns their number. */
function removeDominated(dominator: i32): i32 {
  const row = rowOf(dominator);
  const size = stride;
  const left = candidates;
  const outside = beyond;
  const inside = core;
  for (let k: usize = 0; k < size; k += 16) {
    const set = v128.load(inside + k);
    const neighbours = v128.load(row + k);
    v128.store(left + k, v128.and(set, neighbours));
    v128.store(outside + k, v128.andnot(set, neighbours));
  }
  drop(left, dominator);
  rowsRead += 4;
  // A neighbour outside rules out this candidate, and all other candidates that are its neighbours.
  let removed = 0;
  let candidate = firstVertex(left, 0);
  while (candidate >= 0) {
    const witness = firstCommon(outside, candidate);
    if (witness < 0) {
      drop(inside, candidate);
      removed++;
    } else {
      const witnessRow = rowOf(witness);
      const from: usize = ((candidate >> 7) as usize) << 4;
      for (let k: usize = from; k < size; k += 16) {
        v128.store(left + k, v128.andnot(v128.load(left + k), v128.load(witnessRow + k)));
      }
      rowsRead++;
    }
    candidate = firstVertex(left, candidate + 1);
  }
  return removed;
}

/**
 * Distances of `count` rows of `points` (float32, row-major) that begin with row `row` from the rows 0..others - 1:
 * float32, `count` x `others` at `out`. A negative `row` lies before `points`: addresses wrap. Differences and their squares are float32. They are summed in four lanes for BLOCK
 * coordinates, and in float64 beyond. The root of the sum is rounded once. Values out of float32's range are computed in
 * float64.
 */
export function distances(
  points: usize,
  dimension: i32,
  row: i32,
  count: i32,
  others: i32,
  out: usize,
): void {
  const rowBytes: usize = (dimension as usize) << 2;
  const outBytes: usize = (others as usize) << 2;
  const base = points + (row as usize) * rowBytes;
  let k = 0;
  for (; k + 4 <= others; k += 4) {
    const other = points + (k as usize) * rowBytes;
    for (let r = 0; r < count; r++) {
      fourDistances(
        base + (r as usize) * rowBytes,
        other,
        dimension,
        rowBytes,
        out + (r as usize) * outBytes + ((k as usize) << 2),
      );
    }
  }
  for (; k < others; k++) {
    const other = points + (k as usize) * rowBytes;
    for (let r = 0; r < count; r++) {
      const a = base + (r as usize) * rowBytes;
      store<f32>(out + (r as usize) * outBytes + ((k as usize) << 2), oneDistance(a, other, dimension));
    }
  }
}

/** Coordinates summed in float32: sixteen in a lane, so that the relative error of a sum is at most a few 1e-7. */
const BLOCK = 64;
/** In sums of squares within these bounds, no square and no difference lost a relevant part to float32's limits. */
const LEAST_SUM: f64 = 1e-24;
const MOST_SUM: f64 = 1e36;

function fourDistances(a: usize, b: usize, dimension: i32, rowBytes: usize, out: usize): void {
  let total0 = f64x2.splat(0);
  let total1 = f64x2.splat(0);
  let total2 = f64x2.splat(0);
  let total3 = f64x2.splat(0);
  const b1 = b + rowBytes;
  const b2 = b1 + rowBytes;
  const b3 = b2 + rowBytes;
  const whole = dimension & ~3;
  const end: usize = (whole as usize) << 2;
  for (let c: usize = 0; c < end;) {
    const blockEnd = min(end, c + 4 * BLOCK);
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let sum2 = f32x4.splat(0);
    let sum3 = f32x4.splat(0);
    for (; c < blockEnd; c += 16) {
      const x = v128.load(a + c);
      sum0 = addSquares(sum0, x, b + c);
      sum1 = addSquares(sum1, x, b1 + c);
      sum2 = addSquares(sum2, x, b2 + c);
      sum3 = addSquares(sum3, x, b3 + c);
    }
    total0 = addLanes(total0, sum0);
    total1 = addLanes(total1, sum1);
    total2 = addLanes(total2, sum2);
    total3 = addLanes(total3, sum3);
  }
  store<f32>(out, root(a, b, dimension, total0));
  store<f32>(out + 4, root(a, b1, dimension, total1));
  store<f32>(out + 8, root(a, b2, dimension, total2));
  store<f32>(out + 12, root(a, b3, dimension, total3));
}

/** Equal, bit by bit, to each of the four results of fourDistances. */
function oneDistance(a: usize, b: usize, dimension: i32): f32 {
  let total = f64x2.splat(0);
  const end: usize = ((dimension & ~3) as usize) << 2;
  for (let c: usize = 0; c < end;) {
    const blockEnd = min(end, c + 4 * BLOCK);
    let sum = f32x4.splat(0);
    for (; c < blockEnd; c += 16) sum = addSquares(sum, v128.load(a + c), b + c);
    total = addLanes(total, sum);
  }
  return root(a, b, dimension, total);
}

/** Adds the squares of the differences of x from the four coordinates at an address. */
function addSquares(sum: v128, x: v128, other: usize): v128 {
  const difference = f32x4.sub(x, v128.load(other));
  return f32x4.add(sum, f32x4.mul(difference, difference));
}

/** Adds float32 lanes to two float64 lanes. */
function addLanes(total: v128, sum: v128): v128 {
  const low = f64x2.promote_low_f32x4(sum);
  const high = f64x2.promote_low_f32x4(v128.shuffle<f64>(sum, sum, 1, 1));
  return f64x2.add(f64x2.add(total, low), high);
}

/** The distance, from the sums of squares of all coordinates but the last (dimension modulo 4). */
function root(a: usize, b: usize, dimension: i32, total: v128): f32 {
  const whole = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  let sum = squares(a, b, dimension & ~3, dimension, whole);
  if (!(sum > LEAST_SUM && sum < MOST_SUM)) {
    if (areEqual(a, b, dimension)) return 0;
    sum = squares(a, b, 0, dimension, 0);
  }
  return sqrt(sum) as f32;
}

/** Adds the squares of the differences of the coordinates from number `from` on, in float64. */
function squares(a: usize, b: usize, from: i32, dimension: i32, sum: f64): f64 {
  for (let c = from; c < dimension; c++) {
    const place: usize = (c as usize) << 2;
    const difference = (load<f32>(a + place) as f64) - (load<f32>(b + place) as f64);
    sum += difference * difference;
  }
  return sum;
}

function areEqual(a: usize, b: usize, dimension: i32): bool {
  const end: usize = (dimension as usize) << 2;
  let c: usize = 0;
  for (; c + 16 <= end; c += 16) {
    if (v128.any_true(f32x4.ne(v128.load(a + c), v128.load(b + c)))) return false;
  }
  for (; c < end; c += 4) {
    if (load<f32>(a + c) != load<f32>(b + c)) return false;
  }
  return true;
}
