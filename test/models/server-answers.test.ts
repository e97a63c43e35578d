import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { z } from 'zod';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { isPanicError } from '../../common/errors.js';
import { endIdleDecoders } from '../../experiment/pictures/decode.js';
import { meetServer, type ServedOutput } from '../../models/servers/server-model.js';
import {
  type Asked,
  describerAt,
  embedderAt,
  leaveAlone,
  painterAt,
  send,
  startModelServer,
} from '../support/model-server.js';

const text = (value: string): Artifact => ({ modality: 'text', text: value });
const red: ImageArtifact = { modality: 'image', width: 1, height: 1, pixels: Uint8Array.of(250, 3, 4) };
const never = new AbortController().signal;

let server: Awaited<ReturnType<typeof startModelServer>>;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(async () => {
  await server.close();
  await endIdleDecoders();
});
beforeEach(() => {
  server.interfere(leaveAlone);
  server.asked.length = 0;
});

/** Answers every request except that for the list of models. */
function answering(
  answer: (asked: Asked) => { readonly status?: number; readonly body: string | object },
): void {
  server.interfere((asked, response) => {
    if (asked.path === '/v1/models') return false;
    const { status = 200, body } = answer(asked);
    if (typeof body === 'string')
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    else send(response, status, body);
    return true;
  });
}

async function described(settings = {}): Promise<ServedOutput> {
  const model = await meetServer(describerAt(server.base, 'image', settings), { hosts: [] }, never);
  return model.generate(red, 1, never);
}

/** The caption that a message becomes, or the message of its refusal. */
async function captioned(message: object | string, finish_reason: unknown, settings = {}): Promise<string> {
  const whole = typeof message === 'string' ? { content: message } : message;
  answering(() => ({
    body: { choices: [{ index: 0, finish_reason, message: { role: 'assistant', ...whole } }] },
  }));
  try {
    const { output, outputCut } = await described(settings);
    return `${outputCut ? 'cut' : 'whole'}: ${output.modality === 'text' ? output.text : ''}`;
  } catch (error) {
    if (isPanicError(error, 'ModelOutputInvalid')) return `refused: ${error.message}`;
    throw error;
  }
}

/** The size and colours of an 8 x 4 picture as the model returns it, or the message of its refusal. */
async function painted(beside: object, settings = {}, alpha = 1): Promise<string> {
  const background = { r: 9, g: 99, b: 200, alpha };
  const png = await sharp({ create: { width: 8, height: 4, channels: 4, background } })
    .png()
    .toBuffer();
  answering(() => ({ body: { data: [{ b64_json: png.toString('base64'), ...beside }] } }));
  const model = await meetServer(painterAt(server.base, settings), { hosts: [] }, never);
  try {
    const { output } = await model.generate(text('a fox'), 1, never);
    return output.modality === 'image' ? `${output.width} x ${output.height}: ${output.pixels[1]}` : '';
  } catch (error) {
    if (isPanicError(error, 'ModelOutputInvalid')) return `refused: ${error.message}`;
    throw error;
  }
}

describe('the end of an answer', () => {
  test('is whole with "stop" alone, and cut with "length"', async () => {
    expect(await captioned('a fox', 'stop')).toBe('whole: a fox');
    expect(await captioned('a fo', 'length')).toBe('cut: a fo');
  });

  test.each([
    ['content_filter', /^refused: .*content filter/],
    ['error', /^refused: .*finish_reason "error"/],
    ['abort', /^refused: .*finish_reason "abort"/],
    ['tool_calls', /^refused: .*finish_reason "tool_calls"/],
    ['eos_token', /^refused: .*"finished_as": "eos_token"/],
    ['STOP', /^refused/],
    ['stopped', /^refused/],
    [null, /^refused: .*"finished_as": ""/],
    [undefined, /^refused: .*no finish_reason/],
    ['', /^refused: .*no finish_reason/],
    [7, /^refused: .*another form/],
  ])('is no caption with %j', async (reason, message) => {
    expect(await captioned('a fox', reason)).toMatch(message);
  });

  test('has the word that the catalogue entry gives', async () => {
    expect(await captioned('a fox', 'eos_token', { finished_as: 'eos_token' })).toBe('whole: a fox');
    expect(await captioned('a fox', 'stop', { finished_as: 'eos_token' })).toBe('whole: a fox');
    expect(await captioned('a fox', null, { finished_as: '' })).toBe('whole: a fox');
    expect(await captioned('a fox', undefined, { finished_as: '' })).toBe('whole: a fox');
    expect(await captioned('a fox', null, { finished_as: 'eos_token' })).toMatch(/^refused/);
    expect(await captioned('a fo', 'length', { finished_as: '' })).toBe('cut: a fo');
  });

  test("that is a refusal is an error with the server's words", async () => {
    expect(await captioned({ content: null, refusal: 'I cannot look at that.' }, 'stop')).toMatch(
      /refused: the server of ServedDescriber refused: I cannot look at that\./,
    );
    expect(await captioned({ content: null, refusal: { reason: 'blood' } }, 'stop')).toMatch(
      /refused: the server of ServedDescriber refused: \{"reason":"blood"\}/,
    );
  });
});

/** The refusal of a choice that ends with "stop" and has more fields beside it. */
async function saidBeside(choice: object): Promise<string> {
  answering(() => ({
    body: {
      choices: [{ index: 0, finish_reason: 'stop', message: { content: 'a fox' }, ...choice }],
    },
  }));
  return await described().then(
    () => 'whole',
    (error: unknown) =>
      isPanicError(error, 'ModelOutputInvalid') ? error.message : `other: ${String(error)}`,
  );
}

describe('an answer that a content filter or a tool changed', () => {
  const sound = { hate: { filtered: false, severity: 'safe' } };

  test('is refused where content_filter_results say filtered beside "stop"', async () => {
    const violence = { filtered: true, severity: 'high' };
    expect(await saidBeside({ content_filter_results: { ...sound, violence } })).toMatch(
      /ServedDescriber gave what its content filter left \(content_filter_results: filtered for violence\)/,
    );
    for (const results of [sound, {}, null, undefined, 'none']) {
      expect(await saidBeside({ content_filter_results: results })).toBe('whole');
    }
    expect(await painted({ content_filter_results: { ...sound, violence } })).toMatch(
      /^refused: .*filtered for violence/,
    );
    expect(await painted({ content_filter_results: sound })).toBe('8 x 4: 99');
  });

  test('is refused where it calls a tool beside "stop"', async () => {
    const call = { id: '1', type: 'function', function: { name: 'zoom', arguments: '{}' } };
    for (const calls of [{ tool_calls: [call] }, { function_call: call.function }]) {
      expect(await saidBeside({ message: { content: 'a fox', ...calls } })).toMatch(/wants a tool called/);
    }
    for (const none of [[], null, undefined]) {
      expect(await saidBeside({ message: { content: 'a fox', tool_calls: none, function_call: null } })).toBe(
        'whole',
      );
    }
  });
});

describe('a caption of a server', () => {
  test.each([
    ['a tab', 'a\tfox', 'whole: a fox'],
    ['line breaks of every kind', 'a\r\nred\u2028big\u2029old\u0085fox\v\f', 'whole: a red big old fox'],
    ['a no-break space', 'a\u00a0fox', 'whole: a fox'],
    [
      'nothing but a zero-width space',
      '\u200b',
      'refused: the server of ServedDescriber gave no caption: its answer is blank',
    ],
    ['nothing', '', 'refused: the server of ServedDescriber gave no caption: its answer is blank'],
  ])('with %s', async (_, content, expected) => {
    expect(await captioned(content, 'stop')).toBe(expected);
  });

  const SPECIAL: readonly (readonly [string, string])[] = [
    ['a fox<|im_end|>', 'a fox'],
    ['a fox</s>', 'a fox'],
    ['<s> a fox </s><pad><pad>', 'a fox'],
    ['<|im_start|>assistant\na fox<|im_end|>\n', 'a fox'],
    ['<|start_header_id|>assistant<|end_header_id|>\n\na fox<|eot_id|>', 'a fox'],
    ['a fox<end_of_turn>', 'a fox'],
    ['a fox <end_of_utterance>', 'a fox'],
    ['a fox<｜end▁of▁sentence｜>', 'a fox'],
    ['[INST] a fox [/INST]', 'a fox'],
    ['a fox<extra_id_0>', 'a fox'],
    ['a <unk> fox', 'a fox'],
    ['a fox[PAD]', 'a fox'],
    ['a fox<|endoftext|>', 'a fox'],
    ['<|turn>a fox<turn|>', 'a fox'],
    ['<answer> a fox </answer>', 'a fox'],
  ];
  test.each(SPECIAL)('with special tokens is refused: %s', async (content) => {
    expect(await captioned(content, 'stop')).toMatch(
      /^refused: .*special token .*"special_tokens": "remove"/,
    );
  });
  test.each(SPECIAL)('loses special tokens where the entry says so: %s', async (content, expected) => {
    const caption = await captioned(content, 'stop', { special_tokens: 'remove' });
    expect(caption.replaceAll(/ {2,}/g, ' ')).toBe(`whole: ${expected}`);
  });

  test('that goes on with another turn is refused even then', async () => {
    const content = 'a fox<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>';
    expect(await captioned(content, 'stop', { special_tokens: 'remove' })).toMatch(/went on behind the end/);
  });

  const THOUGHT: readonly (readonly [string, string])[] = [
    ['<think>Is it a dog? No.</think>\n\na fox', 'whole: a fox'],
    ['Is it a dog? No.</think>\n\na fox', 'whole: a fox'],
    ['a <think>Is it\nred?</think>fox', 'whole: a fox'],
    ['<think>They say <think> here.</think>a fox', 'whole: a fox'],
    ['[THINK]Is it a dog?[/THINK]a fox', 'whole: a fox'],
    ['◁think▷Is it a dog?◁/think▷a fox', 'whole: a fox'],
    ['<thinking>Is it a dog?</thinking>a fox', 'whole: a fox'],
    ['<seed:think>Is it a dog?</seed:think>a fox', 'whole: a fox'],
    ['<think duration="3">Is it a dog?</think >a fox', 'whole: a fox'],
    ['a fox <think >Is it a dog?', 'whole: a fox'],
    ['<reflection>Is it a dog?</reflection>a fox', 'whole: a fox'],
    ['<|begin_of_thought|>Is it a dog?<|end_of_thought|>a fox', 'whole: a fox'],
    ['<|START_THINKING|>Is it a dog?<|END_THINKING|>a fox', 'whole: a fox'],
    ['<|channel>thought\nIs it a dog?<channel|>a fox', 'whole: a fox'],
  ];
  test.each(THOUGHT)('with thinking is refused: %s', async (content) => {
    expect(await captioned(content, 'stop')).toMatch(
      /^refused: .*answered with its thinking.*"thinking": "remove"/,
    );
  });
  test.each(THOUGHT)('loses its thinking where the entry says so: %s', async (content, expected) => {
    expect(await captioned(content, 'stop', { thinking: 'remove' })).toBe(expected);
  });

  test('in channels is the last channel', async () => {
    const content =
      '<|channel|>analysis<|message|>A dog? No.<|end|><|start|>assistant<|channel|>final<|message|>a fox<|return|>';
    const settings = { thinking: 'remove', special_tokens: 'remove' };
    expect(await captioned(content, 'stop', settings)).toBe('whole: a fox');
    expect(await captioned(content.slice(0, 40), 'length', settings)).toMatch(/^refused: .*raise max_tokens/);
    expect(await captioned(content, 'stop')).toMatch(/^refused/);
  });

  test('that thinking leaves no tokens for is refused', async () => {
    expect(await captioned('<think>Is it a', 'length', { thinking: 'remove' })).toMatch(
      /^refused: .*its thinking used all of max_tokens/,
    );
    expect(await captioned({ content: '', reasoning_content: 'Is it a' }, 'length')).toMatch(
      /raise max_tokens/,
    );
    expect(await captioned({ content: null, reasoning: 'Is it a dog?' }, 'stop')).toMatch(
      /its answer is thinking alone/,
    );
  });

  test('is taken without the thinking that the server keeps beside it', async () => {
    expect(await captioned({ content: 'a fox', reasoning_content: 'A dog? No.' }, 'stop')).toBe(
      'whole: a fox',
    );
  });

  test('may contain comparisons and brackets', async () => {
    for (const caption of ['a sign: 3 < 5 > 2', '[a] fox', 'an <open> door', 'a|b', '<3']) {
      expect(await captioned(caption, 'stop')).toBe(`whole: ${caption}`);
    }
  });
});

describe('an answer of a server', () => {
  test('in bytes that are no UTF-8 is refused, and not read as U+FFFD', async () => {
    server.interfere(({ path }, response) => {
      if (path === '/v1/models') return false;
      const body = { choices: [{ index: 0, finish_reason: 'stop', message: { content: 'caf?' } }] };
      const bytes = Buffer.from(JSON.stringify(body), 'latin1');
      bytes[bytes.indexOf('?')] = 0xe9;
      response.writeHead(200, { 'content-type': 'application/json' }).end(bytes);
      return true;
    });
    await expect(described()).rejects.toMatchObject({
      kind: 'ModelOutputInvalid',
      message: expect.stringContaining('not JSON in UTF-8'),
    });
  });

  test('that is an error with status 200 is refused with its words', async () => {
    answering(() => ({ body: { error: { message: 'out of memory' } } }));
    await expect(described()).rejects.toMatchObject({
      kind: 'ModelOutputInvalid',
      message: expect.stringContaining('it says "out of memory"'),
    });
  });

  test.each([
    ['beside a whole answer', { error: { code: 502, message: 'upstream died' } }, {}],
    ['in the choice', {}, { error: { code: 502, message: 'upstream died' } }],
    ['as a text', { error: 'upstream died' }, {}],
  ])('that reports an error is refused: %s', async (_, beside, inChoice) => {
    const choice = { index: 0, finish_reason: 'stop', message: { content: 'a fox' }, ...inChoice };
    answering(() => ({ body: { choices: [choice], ...beside } }));
    await expect(described()).rejects.toMatchObject({
      kind: 'ModelOutputInvalid',
      message: expect.stringContaining('it says "upstream died"'),
    });
  });

  test('that reports no error is taken', async () => {
    const choice = { index: 0, finish_reason: 'stop', error: null, message: { content: 'a fox' } };
    answering(() => ({ body: { choices: [choice], error: null } }));
    expect(await described()).toMatchObject({ output: { text: 'a fox' } });
  });

  test('is quoted without half of a character', async () => {
    answering(() => ({ status: 400, body: `${'x'.repeat(298)}😀😀` }));
    await expect(described()).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringMatching(/x{298}…$/),
    });
  });
});

const row = (index: number, ...embedding: unknown[]) => ({ index, embedding });
const inputs = (count: number) => Array.from({ length: count }, (_, k) => text(`input ${k}`));

async function embedded(count: number, data: unknown): Promise<unknown> {
  answering(() => ({ body: { data } }));
  const model = await meetServer(embedderAt(server.base), { hosts: [] }, never);
  return model
    .embed(
      Array.from({ length: count }, (_, k) => text(`input ${k}`)),
      never,
    )
    .then((vectors) => vectors.map((vector) => [...vector]))
    .catch((error: unknown) => (isPanicError(error, 'ModelOutputInvalid') ? error.message : error));
}

describe('vectors of a server', () => {
  test.each([
    ['too few', 2, [row(0, 1)], /1 vectors for 2 inputs/],
    ['none', 1, [], /0 vectors for 1 inputs/],
    ['one more', 2, [row(0, 1), row(1, 2), row(0, 3)], /3 vectors for 2 inputs/],
    ['an index twice', 2, [row(0, 1), row(0, 2)], /two vectors with index 0/],
    ['an index beyond the inputs', 2, [row(0, 1), row(2, 2)], /a vector with index 2/],
    ['an index below 0', 1, [row(-1, 1)], /another form/],
    ['no index', 1, [{ embedding: [1] }], /another form/],
    ['a value that is no number', 1, [row(0, null)], /another form/],
    ['a number as a text', 1, [row(0, '1')], /another form/],
  ])('are refused with %s', async (_, count, data, message) => {
    expect(await embedded(count, data)).toMatch(message);
  });

  test('are taken in any order', async () => {
    expect(await embedded(3, [row(2, 30), row(0, 10), row(1, 20)])).toEqual([[10], [20], [30]]);
  });

  const embeddingsRequest = z.object({ input: z.array(z.string()) });

  /** A server that takes up to `most` inputs at once; the vector of "input K" is [K]. */
  function taking(most: number, status: number, refused = ''): number[] {
    const sizes: number[] = [];
    answering(({ body }) => {
      const { input } = embeddingsRequest.parse(body);
      sizes.push(input.length);
      if (input.length > most || (refused !== '' && input.some((one) => one.endsWith(refused)))) {
        return { status, body: { error: `batch size > ${most}` } };
      }
      return { body: { data: input.map((one, index) => row(index, Number(one.split(' ').at(-1)))) } };
    });
    return sizes;
  }

  test.each([
    [1, 422],
    [1, 413],
    [3, 400],
  ])('come in smaller parts where a server takes %d at once (%d)', async (most, status) => {
    const sizes = taking(most, status);
    const model = await meetServer(embedderAt(server.base), { hosts: [] }, never);
    const expected = Array.from({ length: 11 }, (_, k) => [k]);
    expect((await model.embed(inputs(11), never)).map((vector) => [...vector])).toEqual(expected);
    sizes.length = 0;
    expect((await model.embed(inputs(11), never)).map((vector) => [...vector])).toEqual(expected);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(most);
  });

  test('are refused where the server refuses an input alone', async () => {
    taking(8, 422, ' 5');
    const model = await meetServer(embedderAt(server.base), { hosts: [] }, never);
    await expect(model.embed(inputs(8), never)).rejects.toMatchObject({ kind: 'InvalidInput' });
  });

  test('are not requested again where the server refuses the key', async () => {
    const sizes = taking(0, 401);
    const model = await meetServer(embedderAt(server.base), { hosts: [] }, never);
    await expect(model.embed(inputs(8), never)).rejects.toMatchObject({ kind: 'InvalidInput' });
    expect(sizes).toEqual([8]);
  });
});

/** Filters of filters over a large area. Once, this picture took all of the program's time for pictures. */
const SLOW_SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="8" height="4">
  <filter id="f"><feTurbulence baseFrequency="0.01" numOctaves="99"/><feGaussianBlur stdDeviation="99"/></filter>
  <rect width="8" height="4" fill="#123456"/><rect width="8" height="4" filter="url(#f)"/></svg>`;

describe('a picture of a server', () => {
  const create = { width: 8, height: 4, channels: 3 as const, background: { r: 9, g: 99, b: 200 } };
  let plain: Buffer;
  beforeAll(async () => {
    plain = await sharp({ create }).png().toBuffer();
  });

  test.each([
    ['nothing', {}],
    ['a whole end', { finish_reason: 'stop' }],
    ["a whole end in Stability's words", { finishReason: 'SUCCESS' }],
    ['empty fields', { finish_reason: null, error: null, revised_prompt: '' }],
    ['the prompt that was given', { revised_prompt: 'a fox' }],
  ])('is taken with this field beside it: %s', async (_, beside) => {
    expect(await painted(beside)).toBe('8 x 4: 99');
  });

  test.each([
    ['a filter', { finish_reason: 'content_filter' }, /finish_reason "content_filter"/],
    ["a filter in Stability's words", { finishReason: 'CONTENT_FILTERED' }, /"CONTENT_FILTERED"/],
    ['an error', { error: { message: 'unsafe' } }, /it says "unsafe"/],
    ['another prompt', { revised_prompt: 'two red foxes' }, /"two red foxes".*"revised_prompt": "accept"/],
  ])('is refused with this field beside it: %s', async (_, beside, message) => {
    expect(await painted(beside)).toMatch(/^refused/);
    expect(await painted(beside)).toMatch(message);
  });

  test('of another prompt is taken where the entry says so', async () => {
    const settings = { revised_prompt: 'accept' };
    expect(await painted({ revised_prompt: 'two red foxes' }, settings)).toBe('8 x 4: 99');
  });

  test.each([
    ['JPEG', () => sharp(plain).jpeg({ quality: 100 }).toBuffer(), /^8 x 4: /],
    ['lossless WebP', () => sharp(plain).webp({ lossless: true }).toBuffer(), /^8 x 4: 99$/],
    ['GIF', () => sharp(plain).gif().toBuffer(), /^refused: .*no picture in PNG, JPEG, WebP/],
    ['TIFF', () => sharp(plain).tiff().toBuffer(), /^refused: .*no picture in PNG, JPEG, WebP/],
    ['SVG', async () => Buffer.from(SLOW_SVG), /^refused: .*no picture in PNG, JPEG, WebP/],
    [
      'another size',
      () => sharp(plain).resize(4, 8).png().toBuffer(),
      /^refused: .*4 x 8 pixels, not of 8 x 4/,
    ],
  ])('in %s', async (_, made, told) => {
    expect(await painted({ b64_json: (await made()).toString('base64') })).toMatch(told);
  });

  test('of far more bytes than its pixels can have is refused before it is decoded', async () => {
    const png = await sharp(plain).png().toBuffer();
    const padded = Buffer.concat([png, Buffer.alloc(2 ** 23)]).toString('base64');
    expect(await painted({ b64_json: padded })).toMatch(/^refused: .*bytes, and \d+ at most are decoded/);
  });

  test('in an endless answer is not read to its end', async () => {
    const pushed = { bytes: 0 };
    server.interfere(({ path }, response) => {
      if (path === '/v1/models') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      const push = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(2 ** 20, ' '))) pushed.bytes += 2 ** 20;
      };
      response.on('drain', push);
      push();
      return true;
    });
    const model = await meetServer(painterAt(server.base, { timeout_s: 600 }), { hosts: [] }, never);
    const error: unknown = await model.generate(text('a fox'), 1, never).catch((reason: unknown) => reason);
    expect(isPanicError(error, 'ModelOutputInvalid') && error.message).toMatch(
      /answered with more than \d+ bytes/,
    );
    expect(pushed.bytes).toBeLessThan(2 ** 28);
  });

  test('with a transparent pixel is refused', async () => {
    expect(await painted({}, {}, 0.5)).toMatch(/^refused: .*transparent/);
  });
});
