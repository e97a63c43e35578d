// node docs/contact-sheet.mjs OUTPUT.webp DATA_FOLDER EXPERIMENT RUN [RUN ...]
//
// Draws runs as contact sheets: each picture of a run in its order, and under it the caption that was made from it. A
// ribbon marks the pictures of an exact cycle. `docs/trajectory.webp` shows two runs of examples/first-experiment.json
// (a run with a fixed seed comes out the same on every machine):
//
//   npx panic-tda run examples/first-experiment.json --data /tmp/first
//   node docs/contact-sheet.mjs docs/trajectory.webp /tmp/first 414bfcf216f7 3 9
import sharp from 'sharp';
import { openStoreReadonly } from '../dist/db/index.js';
import { readEnvironment } from '../dist/workers/settings/environment.js';

const COLUMNS = 6;
const MOST_PICTURES = 12;
const TILE = 224;
const CAPTION_HEIGHT = 94;
const GAP = 20;
const MARGIN = 36;
const HEADER_HEIGHT = 84;
const WIDTH = 2 * MARGIN + COLUMNS * TILE + (COLUMNS - 1) * GAP;
const PAPER = '#fbfaf7';
const INK = '#22262b';
const FAINT = '#6d737b';
const CYCLE = '#c2571a';

const [output, dataFolder, experiment, ...runs] = process.argv.slice(2);
if (runs.length === 0) {
  console.error('usage: node docs/contact-sheet.mjs OUTPUT.webp DATA_FOLDER EXPERIMENT RUN [RUN ...]');
  process.exit(2);
}
const store = openStoreReadonly(dataFolder, readEnvironment().objects);
if (store === null) {
  console.error(`there is no database in ${dataFolder}`);
  process.exit(2);
}

const layers = [];
let top = MARGIN;
for (const index of runs) top = await drawRun(Number(index), top);
await store.close();

await sharp({ create: { width: WIDTH, height: top, channels: 3, background: PAPER } })
  .composite(layers)
  .webp({ quality: 88, effort: 6 })
  .toFile(output);

/** Adds the layers of one run below `y`; returns where the next one may begin. */
async function drawRun(index, y) {
  const run = await store.runs.get(experiment, index);
  const { config } = await store.experiments.get(experiment);
  const prompt = config.prompts[index % config.prompts.length];
  const steps = await store.invocations.trajectory(run);
  const pictures = steps.filter(({ modality }) => modality === 'image').slice(0, MOST_PICTURES);

  await text(`<b>“${escaped(prompt)}”</b>`, 'Sans 17', INK, MARGIN, y, WIDTH - 2 * MARGIN);
  const about = `${run.network.join(' → ')},  ${run.seed === -1 ? 'a new seed for each step' : `seed ${run.seed} for each step`};  ${endOf(run)}`;
  await text(escaped(about), 'Sans 12', FAINT, MARGIN, y + 34, WIDTH - 2 * MARGIN);

  const first = y + HEADER_HEIGHT;
  for (const [place, { sequence, sha256 }] of pictures.entries()) {
    const { left, topOf } = cell(place, first);
    const input = await sharp(await store.objects.get(sha256))
      .resize(TILE, TILE)
      .png()
      .toBuffer();
    layers.push({ input, left, top: topOf });
    const caption = steps[sequence + 1];
    const words = caption?.modality === 'text' ? escaped(caption.text) : '';
    const inCycle =
      run.cycleStart !== null && sequence >= run.cycleStart && sequence < run.cycleStart + run.cycleLength;
    if (inCycle) rectangle(left, topOf + TILE, TILE, 5, CYCLE);
    await text(
      `<span foreground="${inCycle ? CYCLE : FAINT}">${sequence}</span>  ${words}`,
      'Sans 10',
      INK,
      left,
      topOf + TILE + 11,
      TILE,
    );
  }
  if (run.stopReason === 'cycle' && pictures.length % COLUMNS !== 0) {
    const { left, topOf } = cell(pictures.length, first);
    const turn = `↺  the caption of step ${run.length - 1} is that of step ${run.cycleStart}: from here on the run would go round`;
    await text(`<span foreground="${CYCLE}">${turn}</span>`, 'Sans 12', CYCLE, left, topOf + TILE / 3, TILE);
  }
  const rows = Math.ceil(pictures.length / COLUMNS);
  return first + rows * (TILE + CAPTION_HEIGHT) + GAP;
}

function cell(place, first) {
  return {
    left: MARGIN + (place % COLUMNS) * (TILE + GAP),
    topOf: first + Math.floor(place / COLUMNS) * (TILE + CAPTION_HEIGHT),
  };
}

function endOf({ stopReason, cycleStart, cycleLength, length }) {
  if (cycleLength === null) return `${length ?? 'not ended'} invocations`;
  const ended = stopReason === 'cycle' ? ', where the run ends' : '';
  return `step ${cycleStart + cycleLength} repeats step ${cycleStart} exactly: a cycle of ${cycleLength}${ended}`;
}

async function text(markup, font, colour, left, y, width) {
  if (markup.trim() === '') return;
  const input = await sharp({
    text: { text: `<span foreground="${colour}">${markup}</span>`, font, width, rgba: true, dpi: 96 },
  })
    .png()
    .toBuffer();
  layers.push({ input, left, top: Math.round(y) });
}

function rectangle(left, y, width, height, background) {
  layers.push({ input: { create: { width, height, channels: 3, background } }, left, top: y });
}

function escaped(words) {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
