import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll } from '@jest/globals';
import { openFolder } from '../../models/files/model-files.js';
import { type Tokenizer, tokenizerOf } from '../../models/tokenizers/tokenizer.js';
import { modelOf } from './diffusion/fixtures.js';

/** Tokenizers and texts, and the results of Python's `tokenizers` for them. See make.py there. */
const fixtures = join(import.meta.dirname, '../fixtures/tokenizers');

interface Family {
  readonly model: string;
  readonly parts: Readonly<Record<string, unknown>>;
}
/**
 * A text; or the code points of a range, without the last, and the text that joins them; or a text and the number
 * of its repetitions.
 */
type Entry = string | readonly [number, string] | readonly [number, number, string];

export const families: Readonly<Record<string, Family>> = JSON.parse(fixture('families.json'));
const entries: readonly Entry[] = JSON.parse(fixture('texts.json'));
export const texts = entries.map(expand);

function fixture(file: string): string {
  return gunzipSync(readFileSync(join(fixtures, `${file}.gz`))).toString();
}

/** The model of a tokenizer: its kind, and its vocabulary and merges in the form of that kind. */
export interface Vocabulary {
  readonly vocab: object;
  readonly merges: [string, string][];
}
const models = new Map<string, Vocabulary>();
export function vocabulary(model: string): Vocabulary {
  const known = models.get(model);
  if (known !== undefined) return known;
  const read: Vocabulary = JSON.parse(fixture(`models/${model}.json`));
  models.set(model, read);
  return read;
}

function expand(entry: Entry): string {
  if (typeof entry === 'string') return entry;
  if (entry.length === 2) return entry[1].repeat(entry[0]);
  const [from, to, between] = entry;
  return Array.from({ length: to - from }, (_, i) => String.fromCodePoint(from + i)).join(between);
}

/** The tokenizer.json of a family. */
export function tokenizerJson(family: string): Record<string, unknown> {
  const { model, parts } = families[family]!;
  return { ...parts, model: vocabulary(model) };
}

function shortHash(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 12);
}

/**
 * For each text, 6 bytes of the SHA-256 of its ids (32 bits each, little-endian), and 6 bytes of that of the text
 * that Python reads back.
 */
function expected(family: string): { readonly ids: string; readonly read: string }[] {
  const hashes = readFileSync(join(fixtures, 'expected', `${family}.bin`));
  expect(hashes).toHaveLength(12 * texts.length);
  return texts.map((_, i) => ({
    ids: hashes.toString('hex', 12 * i, 12 * i + 6),
    read: hashes.toString('hex', 12 * i + 6, 12 * i + 12),
  }));
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'panic-tda-tokenizers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let folders = 0;

/** The path of a folder that does not exist yet. */
export function newPath(): string {
  return join(folder, String(folders++));
}

export async function opened(content: object, config: object = {}): Promise<Tokenizer> {
  const path = newPath();
  await mkdir(path);
  await writeFile(join(path, 'tokenizer.json'), JSON.stringify(content));
  await writeFile(join(path, 'tokenizer_config.json'), JSON.stringify(config));
  return tokenizerOf(await openFolder(modelOf(path, {}), path));
}

const plain = new Map<string, Promise<Tokenizer>>();

/** The tokenizer of a family as its file describes it, opened once for a test file. */
export function openedFamily(family: string): Promise<Tokenizer> {
  const open = plain.get(family) ?? opened(tokenizerJson(family));
  plain.set(family, open);
  return open;
}

/** Texts, shortened, whose tokens or whose text after decoding differ from Python's. Checks one of `every` texts. */
export async function disagreements(tokenizer: Tokenizer, family: string, every = 1): Promise<string[]> {
  const wanted = expected(family);
  const wrong: string[] = [];
  for (const [i, text] of texts.entries()) {
    if (i % every !== 0) continue;
    const ids = await tokenizer.encode(text);
    const read = await tokenizer.decode(ids);
    const { ids: wantedIds, read: wantedRead } = wanted[i]!;
    if (shortHash(new Uint8Array(Uint32Array.from(ids).buffer)) !== wantedIds)
      wrong.push(`ids of ${told(text)}`);
    else if (shortHash(read) !== wantedRead) wrong.push(`read: ${told(text)}`);
  }
  return wrong;
}

function told(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
