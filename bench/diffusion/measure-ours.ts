/**
 * Makes one picture after another by our pipeline, as diffusion.py does by diffusers'. Prints one line of
 * JSON.
 *
 *   node dist/bench/diffusion/measure-ours.js <folder> <pixels> <repeats>
 */
import type { GenerativeModel } from '../../experiment/model.js';
import { loadTextToImage } from '../../models/diffusion/text-to-image.js';
import { filesIn } from '../../models/files/layout.js';
import { openFolder } from '../../models/files/model-files.js';

const [folder, pixels, repeats] = process.argv.slice(2);
if (folder === undefined || pixels === undefined || repeats === undefined) {
  throw new Error('give a folder, a number of pixels and a number of pictures');
}
const size = { width: Number(pixels), height: Number(pixels) };
const model: GenerativeModel = {
  kind: 'generative',
  name: 'Random',
  summary: 'Random weights.',
  loader: 'text-to-image',
  source: `folder:${folder}`,
  revision: '1',
  license: 'MIT',
  input: 'text',
  output: 'image',
  deterministic: true,
  settings: { ...size, steps: 1, guidance_scale: 0, noise: 'cpu', dtype: 'fp32' },
  weights: { files: filesIn(folder), gated: false, memoryMiB: 1, maxBatch: 1 },
};
const loaded = await loadTextToImage({ model, files: await openFolder(model, folder), device: 'cpu' });
const seconds: number[] = [];
const cpuSeconds: number[] = [];
let picture = '';
for (let k = 0; k < Number(repeats); k++) {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const [answer] = await loaded.generate([{ input: { modality: 'text', text: 'a cat' }, seed: 0 }]);
  const used = process.cpuUsage(cpu);
  seconds.push((performance.now() - started) / 1000);
  cpuSeconds.push((used.user + used.system) / 1e6);
  if (answer === undefined || !('output' in answer) || answer.output.modality !== 'image') {
    throw new Error('no picture', { cause: answer });
  }
  picture = Buffer.from(answer.output.pixels).toString('base64');
}
// Kibibytes on Linux and macOS.
const peakMiB = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ seconds, cpuSeconds, peakMiB, picture }));
