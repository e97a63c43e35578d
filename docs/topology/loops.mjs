// node docs/topology/loops.mjs DATA_FOLDER EXPERIMENT RUN MODEL
//
// Computes the diagram of a run again, from its stored vectors, and prints the loop of each H1 bar, longest bar first: the
// steps of the outputs around it, and its longest edge, which is the bar's birth. EXPERIMENT is the whole id.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ripsPersistence } from 'panic-tda/tda';

const [folder, experiment, run, model] = process.argv.slice(2);
if (model === undefined) {
  console.error('usage: node docs/topology/loops.mjs DATA_FOLDER EXPERIMENT RUN MODEL');
  process.exit(2);
}
const database = new Database(join(folder, 'panic-tda.sqlite'), { readonly: true });
const rows = database
  .prepare(
    `select i.sequence as step, v.bytes, a.text
     from runs r join invocations i on i.run_id = r.id join artifacts a on a.id = i.output_id
     join embeddings e on e.invocation_id = i.id join vectors v on v.id = e.vector_id
     join models m on m.id = e.model_id
     where r.experiment_id = ? and r.run_index = ? and m.name = ? order by i.sequence`,
  )
  .all(experiment, Number(run), model);
database.close();
if (rows.length === 0) {
  console.error(`run ${run} of experiment ${experiment} has no vectors of ${model} in ${folder}`);
  process.exit(1);
}

// All points, in order, row after row. Equal ones do no harm: the first stands for all of them.
const dimension = rows[0].bytes.length / 4;
const points = new Float32Array(rows.length * dimension);
rows.forEach(({ bytes }, row) => new Uint8Array(points.buffer, row * bytes.length).set(bytes));

const { diagrams, representatives, distinctPointCount } = await ripsPersistence(
  { points, dimension },
  { maxDimension: 1, representatives: true },
);
console.log(`${rows.length} points, ${distinctPointCount} distinct`);
const bars = representatives.map((loop, k) => ({
  birth: diagrams[1][2 * k],
  death: diagrams[1][2 * k + 1],
  loop,
}));
bars.sort((a, b) => b.death - b.birth - (a.death - a.birth));
for (const { birth, death, loop } of bars) {
  console.log(`\n[${birth.toFixed(3)}, ${death.toFixed(3)})`);
  loop.forEach((point, place) => {
    const edge = distance(point, loop[(place + 1) % loop.length]);
    console.log(`  step ${String(rows[point].step).padStart(3)}  ${rows[point].text ?? ''}`.trimEnd());
    console.log(`            ${edge.toFixed(3)} to the next`);
  });
}

function distance(a, b) {
  let squares = 0;
  for (let c = 0; c < dimension; c++) squares += (points[a * dimension + c] - points[b * dimension + c]) ** 2;
  return Math.sqrt(squares);
}
