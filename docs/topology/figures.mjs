// node docs/topology/figures.mjs OUTPUT_FOLDER DATA_FOLDER EXPERIMENT RUN MODEL
//
// Draws the figures of docs/topology.md: curves.svg, from points made here, and example.svg, from a stored diagram.
//
//   npx panic-tda run examples/topology.json --data /tmp/topology
//   node docs/topology/figures.mjs docs/topology /tmp/topology 68b6f4446623 2 HashedNgram
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { bettiCurve, ripsPersistence } from 'panic-tda/tda';

const STYLE = `
    .paper { fill: #fbfaf7 } .ink { fill: #22262b } .faint { fill: #6d737b }
    .axis { stroke: #a3a8ae; fill: none } .path { stroke: #a3a8ae; fill: none }
    .h0 { fill: #2f6f9f } .h1 { fill: #c2571a }
    .line0 { stroke: #2f6f9f; fill: none; stroke-width: 2 } .line1 { stroke: #c2571a; fill: none; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #171a1e } .ink { fill: #e8e6e1 } .faint { fill: #9aa1a9 }
      .axis, .path { stroke: #666d75 }
      .h0 { fill: #6cb2e4 } .h1 { fill: #f0914f }
      .line0 { stroke: #6cb2e4 } .line1 { stroke: #f0914f }
    }`;

const [output, dataFolder, experiment, run, model] = process.argv.slice(2);
if (model === undefined) {
  console.error('usage: node docs/topology/figures.mjs OUTPUT_FOLDER DATA_FOLDER EXPERIMENT RUN MODEL');
  process.exit(2);
}
writeFileSync(join(output, 'curves.svg'), await curvesFigure());
writeFileSync(join(output, 'example.svg'), exampleFigure(storedBars()));

async function curvesFigure() {
  const circle = arc(24, 360, 24);
  // A fixed order that has nothing to do with the circle.
  const order = [9, 20, 3, 14, 0, 22, 11, 5, 17, 1, 13, 23, 7, 18, 10, 2, 15, 6, 21, 12, 4, 19, 8, 16];
  const curves = [
    { title: 'goes round once', points: [...circle, circle[0]] },
    { title: 'the same points, in another order', points: order.map((k) => circle[k]) },
    { title: 'a horseshoe: never closes', points: arc(24, 300, 23) },
    { title: 'bends, and leads away', points: snake(24) },
  ];
  let body = '';
  for (const [place, { title, points }] of curves.entries()) {
    const { diagrams } = await ripsPersistence(
      { points: Float32Array.from(points.flat()), dimension: 2 },
      { maxDimension: 1 },
    );
    const left = 20 + place * 225;
    body += text(left, 30, title, 'ink');
    body += drawCurve(points, left + 92, 145, 85);
    body += barcode(diagrams.map(pairs), { left, top: 260, width: 185, height: 110, last: 2 });
    const loops = pairs(diagrams[1]).map(([birth, death]) => `[${birth.toFixed(2)}, ${death.toFixed(2)})`);
    body += text(left, 408, loops.length === 0 ? 'no H1 bar' : `H1: ${loops.join(' ')}`, 'h1');
  }
  return svg(920, 425, 'Four curves of 24 points, with their bars', body);
}

/** Points at equal angles on the unit circle, `steps` steps to `degrees`; what is missing to the whole is on the left. */
function arc(count, degrees, steps) {
  return Array.from({ length: count }, (_, k) => {
    const angle = ((k / steps - 0.5) * degrees * Math.PI) / 180;
    return [Math.cos(angle), Math.sin(angle)];
  });
}

/** Two half circles, one after the other, that bend to opposite sides. */
function snake(count) {
  return Array.from({ length: count }, (_, k) => {
    const angle = (k / (count - 1)) * 2 * Math.PI;
    const isFirst = angle < Math.PI;
    return [(isFirst ? -0.5 : 0.5) - 0.5 * Math.cos(angle - (isFirst ? 0 : Math.PI)), -0.5 * Math.sin(angle)];
  });
}

function drawCurve(points, x, y, scale) {
  const places = points.map(([a, b]) => `${round(x + scale * a)},${round(y + scale * b)}`);
  const dots = places.map((place) => {
    const [cx, cy] = place.split(',');
    return `<circle cx="${cx}" cy="${cy}" r="3" class="h0"/>`;
  });
  return `<polyline points="${places.join(' ')}" class="path"/>${dots.join('')}`;
}

function exampleFigure(diagrams) {
  const last = 1.2;
  let body = '';
  for (const [place, title] of ['barcode', 'persistence diagram', 'Betti curves'].entries()) {
    body += text(20 + place * 305, 30, title, 'ink');
  }
  body += text(20, 352, 'distance', 'faint');
  body += barcode(diagrams, { left: 20, top: 48, width: 265, height: 262, last });
  body += scatter(diagrams, { left: 345, top: 50, size: 262, last });
  body += bettiCurves(diagrams, { left: 650, top: 50, width: 250, height: 262, last });
  body += `<circle cx="240" cy="348" r="5" class="h0"/>${text(250, 352, 'H0', 'ink')}`;
  body += `<circle cx="290" cy="348" r="5" class="h1"/>${text(300, 352, 'H1', 'ink')}`;
  return svg(920, 365, `Bars of run ${run} under ${model}`, body);
}

/** H0 above H1, in each the first to die at the top; a bar that never dies ends in an arrow. */
function barcode(diagrams, { left, top, width, height, last }) {
  const bars = diagrams.flatMap((list, degree) =>
    [...list].sort((a, b) => a[1] - b[1]).map(([birth, death]) => ({ birth, death, degree })),
  );
  const step = height / bars.length;
  const thick = Math.min(6, 0.6 * step);
  const drawn = bars.map(({ birth, death, degree }, place) => {
    const x = left + (width * birth) / last;
    const y = top + step * place;
    const end = left + (width * Math.min(death, last)) / last;
    const arrow =
      death === Infinity
        ? `<path d="M${round(end)} ${round(y + thick / 2 - 5)}l7 5l-7 5z" class="h${degree}"/>`
        : '';
    return `<rect x="${round(x)}" y="${round(y)}" width="${round(end - x)}" height="${round(thick)}" class="h${degree}"/>${arrow}`;
  });
  return drawn.join('') + horizontalAxis(left, top + height + 4, width, last);
}

function scatter(diagrams, { left, top, size, last }) {
  const at = (value) => (size * value) / last;
  const bottom = top + size;
  const frame = `<path d="M${left} ${top}V${bottom}L${left + size} ${top}" class="axis"/>`;
  const dots = diagrams.flatMap((bars, degree) =>
    bars.map(([birth, death]) => {
      const x = round(left + at(birth));
      if (death === Infinity) return `<path d="M${x - 5} ${top}l5 -9l5 9z" class="h${degree}"/>`;
      return `<circle cx="${x}" cy="${round(bottom - at(death))}" r="4" class="h${degree}"/>`;
    }),
  );
  const labels =
    text(left + 4, top + 12, 'death', 'faint') + text(left + size - 32, bottom - 6, 'birth', 'faint');
  return frame + horizontalAxis(left, bottom, size, last) + dots.join('') + labels;
}

function bettiCurves(diagrams, { left, top, width, height, last }) {
  const thresholds = Float32Array.from({ length: width + 1 }, (_, k) => (k * last) / width);
  const curves = diagrams.map((bars) => bettiCurve(Float32Array.from(bars.flat()), thresholds));
  const most = Math.max(...curves.flatMap((curve) => [...curve]));
  const bottom = top + height;
  const drawn = curves.map((curve, degree) => {
    const points = [...curve].map((count, k) => `${left + k},${round(bottom - (height * count) / most)}`);
    return `<polyline points="${points.join(' ')}" class="line${degree}"/>`;
  });
  const axis = `<path d="M${left} ${top}V${bottom}" class="axis"/>`;
  const numbers = text(left - 20, top + 8, String(most), 'faint') + text(left - 14, bottom, '0', 'faint');
  return axis + horizontalAxis(left, bottom, width, last) + drawn.join('') + numbers;
}

function horizontalAxis(left, y, width, last) {
  const step = last > 1.5 ? 0.5 : 0.2;
  let drawn = `<path d="M${left} ${y}H${left + width}" class="axis"/>`;
  for (let value = 0; value <= last + 1e-9; value += step) {
    const x = round(left + (width * value) / last);
    drawn += `<path d="M${x} ${y}v4" class="axis"/>${text(x - 8, y + 17, value.toFixed(1), 'faint')}`;
  }
  return drawn;
}

function storedBars() {
  const database = new Database(join(dataFolder, 'panic-tda.sqlite'), { readonly: true });
  const rows = database
    .prepare(
      `select d.bars from runs r join diagrams g on g.run_id = r.id join models m on m.id = g.model_id
       join diagram_dimensions d on d.diagram_id = g.id
       where r.experiment_id = ? and r.run_index = ? and m.name = ? and d.dimension < 2 order by d.dimension`,
    )
    .all(experiment, Number(run), model);
  database.close();
  if (rows.length < 2)
    throw new Error(`run ${run} of ${experiment} has no H0 and H1 under ${model} in ${dataFolder}`);
  return rows.map(({ bars }) => pairs(new Float32Array(new Uint8Array(bars).buffer)));
}

function pairs(bars) {
  return Array.from({ length: bars.length / 2 }, (_, k) => [bars[2 * k], bars[2 * k + 1]]);
}

function svg(width, height, title, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" role="img">
  <title>${title}</title>
  <style>${STYLE}
  </style>
  <rect width="${width}" height="${height}" rx="8" class="paper"/>
  ${body.replaceAll('><', '>\n  <')}
</svg>
`;
}

function text(x, y, words, style) {
  return `<text x="${round(x)}" y="${round(y)}" class="${style}">${words}</text>`;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
