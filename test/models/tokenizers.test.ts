import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ModelFolder } from '../../models/diffusion/model-folder.js';
import { openFolder } from '../../models/files/model-files.js';
import { clipTokenizer } from '../../models/diffusion/tokenizer.js';
import { modelOf } from './diffusion/fixtures.js';
import {
  disagreements,
  families,
  newPath,
  opened,
  openedFamily,
  texts,
  tokenizerJson,
  vocabulary,
} from './tokenizer-families.js';

test('the texts are at least 5,000, and some of them have 100,000 characters', () => {
  expect(texts.length).toBeGreaterThanOrEqual(5000);
  expect(texts.filter((text) => text.length >= 100_000).length).toBeGreaterThanOrEqual(5);
  for (const one of ['ΣΊΣΥΦΟΣ', 'İstanbul', '\u{20000}\u{20001}\u{2a700}', '👩‍👩‍👧‍👦', 'a\u0085b', ''])
    expect(texts).toContain(one);
});

// tokenizers.night.test.ts takes all of the texts.
const EVERY = 12;

test.each(Object.keys(families))(
  `%s: ids are those of Python, and so is the text that is read of them, for one of ${EVERY} texts`,
  async (family) => {
    expect(await disagreements(await openedFamily(family), family, EVERY)).toEqual([]);
  },
);

test('Greek capitals at the end of a word become the same letters as in Python', async () => {
  const tokenizer = await openedFamily('bert-uncased');
  expect(await tokenizer.encode('ΣΊΣΥΦΟΣ ΟΔΟΣ')).toEqual([
    101, 1173, 18199, 29733, 29735, 29736, 29730, 29733, 1169, 29722, 29730, 29733, 102,
  ]);
});

test('a file that leaves empty keys out reads like one that has null for them', async () => {
  const content = Object.entries(tokenizerJson('gpt2')).filter(([, value]) => value !== null);
  expect(content.map(([key]) => key)).not.toContain('truncation');
  const [short, whole] = [await opened(Object.fromEntries(content)), await openedFamily('gpt2')];
  expect(await short.encode('a cat')).toEqual(await whole.encode('a cat'));
});

describe('tokenizer_config.json changes what it changes in transformers', () => {
  test.each([
    ['do_lower_case', { do_lower_case: false }, 'bert-cased'],
    ['strip_accents', { strip_accents: false }, 'bert-accents'],
  ])('%s', async (_, config, family) => {
    expect(await disagreements(await opened(tokenizerJson('bert-uncased'), config), family, EVERY)).toEqual(
      [],
    );
  });

  test('tokenize_chinese_chars', async () => {
    const tokenizer = await opened(tokenizerJson('bert-uncased'), { tokenize_chinese_chars: false });
    const apart = await openedFamily('bert-uncased');
    expect(await apart.encode('漢字')).toHaveLength(4);
    expect(await tokenizer.encode('漢字')).not.toEqual(await apart.encode('漢字'));
  });

  test('add_prefix_space', async () => {
    const tokenizer = await opened(tokenizerJson('gpt2'), { add_prefix_space: true });
    const plain = await openedFamily('gpt2');
    expect(await tokenizer.encode('word')).toEqual(await plain.encode(' word'));
    expect(await tokenizer.encode('word')).not.toEqual(await plain.encode('word'));
  });

  test('tokens that only it names are whole, and decoding leaves out special ones', async () => {
    const content = { ...tokenizerJson('gpt2'), added_tokens: [] };
    const config = {
      eos_token: { content: '<|endoftext|>' },
      pad_token: '[PAD]',
      extra_special_tokens: { picture_token: 'Ġpicture' },
      added_tokens_decoder: { 50257: { content: '<image>', special: true } },
    };
    const tokenizer = await opened(content, config);
    const ids = await tokenizer.encode('a<image>b<|endoftext|>');
    expect(ids).toEqual([64, 50257, 65, 50256]);
    const named = await tokenizer.encode('aĠpicture');
    expect(named).toEqual([64, tokenizer.idOf('Ġpicture')]);
    expect(await tokenizer.decode(named)).toBe('a');
    expect(await tokenizer.decode(ids)).toBe('ab');
    // The vocabulary has no place for it.
    expect(tokenizer.idOf('[PAD]')).toBeUndefined();
  });

  test('clean_up_tokenization_spaces', async () => {
    const loose = 'a dog , a cat . it is n\'t " ours "';
    const [tidy, plain] = [true, false].map((clean) =>
      opened(tokenizerJson('gpt2'), { clean_up_tokenization_spaces: clean }),
    );
    const ids = await (await plain!).encode(loose);
    expect(await (await plain!).decode(ids)).toBe(loose);
    expect(await (await tidy!).decode(ids)).toBe('a dog, a cat. it isn\'t " ours "');
  });
});

function changed(changes: object): object {
  return { ...tokenizerJson('t5'), ...changes };
}

describe('a key that cannot be followed as in Python is refused by name', () => {
  test.each<[string, () => object, object, string]>([
    ['a key that nothing reads', () => changed({ speller: {} }), {}, 'speller'],
    ['dropout', () => changed({ model: { ...vocabulary('t5'), dropout: 0.1 } }), {}, 'dropout'],
    ['a normaliser of another kind', () => changed({ normalizer: { type: 'Rot13' } }), {}, 'Rot13'],
    ['no model', () => changed({ model: undefined }), {}, 'model'],
    ['split_special_tokens', () => changed({}), { split_special_tokens: true }, 'split_special_tokens'],
    ['a value of another kind', () => changed({}), { do_lower_case: 'yes' }, 'do_lower_case'],
    [
      'a token with another id than that of its file',
      () => changed({}),
      { added_tokens_decoder: { 60000: { content: '<image>' } } },
      '60000',
    ],
  ])('%s', async (_, content, config, named) => {
    await expect(opened(content(), config)).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringContaining(named),
    });
  });

  test('a text with half of a surrogate pair', async () => {
    const tokenizer = await openedFamily('gpt2');
    await expect(tokenizer.encode('half \ud83d of it')).rejects.toMatchObject({ kind: 'InvalidInput' });
  });
});

/** A component of a model with these files. */
async function component(files: Readonly<Record<string, string>>): Promise<ModelFolder> {
  const path = newPath();
  await mkdir(join(path, 'tokenizer'), { recursive: true });
  for (const [name, content] of Object.entries(files))
    await writeFile(join(path, 'tokenizer', name), content);
  const model = modelOf(path, {});
  return new ModelFolder({ model, files: await openFolder(model, path), device: 'cpu' });
}

describe("CLIP's tokenizer of a text-to-image model", () => {
  const { vocab, merges } = vocabulary('clip');

  const config = { model_max_length: 77, bos_token: '<|startoftext|>', eos_token: '<|endoftext|>' };
  const files = {
    'vocab.json': JSON.stringify(vocab),
    'merges.txt': ['#version: 0.2', ...merges.map((pair) => pair.join(' ')), ''].join('\n'),
  };

  test('reads vocab.json and merges.txt as Python does, cuts before the end token, and pads with its padding token', async () => {
    const whole = await openedFamily('clip');
    const padded = { ...config, pad_token: '!' };
    const tokenizer = await clipTokenizer(
      await component({ ...files, 'tokenizer_config.json': JSON.stringify(padded) }),
      'tokenizer',
    );
    for (const text of texts.filter((_, i) => i % 84 === 0)) {
      if (text.includes('!')) continue;
      const ids = await whole.encode(text);
      const cut = Math.max(ids.length - 77, 0);
      const kept = cut === 0 ? ids : [...ids.slice(0, 76), 49407];
      expect(await tokenizer.encode(text)).toEqual({
        ids: [...kept, ...Array(77 - kept.length).fill(0)],
        cut,
      });
    }
  });

  test('without its padding token is refused by name', async () => {
    const folder = await component({
      'tokenizer.json': JSON.stringify(tokenizerJson('clip')),
      'tokenizer_config.json': JSON.stringify({ ...config, pad_token: '<nothing>' }),
    });
    await expect(clipTokenizer(folder, 'tokenizer')).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringContaining('<nothing>'),
    });
  });
});
