/** Embeds texts with AllMiniLML6v2 of the catalogue: measure-ours.js FOLDER TEXTS BATCH, JSON on standard output. */
import { readFileSync } from 'node:fs';
import type { TextArtifact } from '../../experiment/artifact.js';
import { catalogue } from '../../models/index.js';
import { openFolder } from '../../models/files/model-files.js';
import { loadModel } from '../../models/loaders.js';

const [folder, file, size] = process.argv.slice(2);
const batch = Number(size);
const lines: readonly string[] = JSON.parse(readFileSync(file!, 'utf8'));
const texts = lines.map((text): TextArtifact => ({
  modality: 'text',
  text,
}));
const model = catalogue.get('AllMiniLML6v2')!;
const loaded = await loadModel({ model, files: await openFolder(model, folder!), device: 'cpu' });
if (loaded.kind !== 'embedding') throw new Error('not an embedder');

const embedder = loaded;

async function embedAll(some: readonly TextArtifact[]): Promise<Buffer[]> {
  const vectors: Buffer[] = [];
  for (let start = 0; start < some.length; start += batch) {
    const items = await embedder.embed(some.slice(start, start + batch));
    vectors.push(...items.map(({ vector }) => Buffer.from(vector.buffer)));
  }
  return vectors;
}

await embedAll(texts.slice(0, 32));
const started = performance.now();
const cpu = process.cpuUsage();
const vectors = await embedAll(texts);
const { user, system } = process.cpuUsage(cpu);
console.log(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    vectors: Buffer.concat(vectors).toString('base64'),
  }),
);
