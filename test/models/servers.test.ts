import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { endIdleDecoders } from '../../experiment/pictures/decode.js';
import type { Artifact, ImageArtifact } from '../../experiment/artifact.js';
import { isPanicError, type PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import type { ServerAccess } from '../../models/servers/address.js';
import { meetServer } from '../../models/servers/server-model.js';
import {
  describerAt,
  embedderAt,
  leaveAlone,
  painterAt,
  send,
  startModelServer,
} from '../support/model-server.js';

const text = (value: string): Artifact => ({ modality: 'text', text: value });
const red: ImageArtifact = { modality: 'image', width: 1, height: 1, pixels: Uint8Array.of(250, 3, 4) };
const LOCAL: ServerAccess = { hosts: [] };
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

async function generate(model: Model, input: Artifact, seed = 1, access = LOCAL): Promise<Artifact> {
  return (await (await meetServer(model, access, never)).generate(input, seed, never)).output;
}

async function failureOf(call: Promise<unknown>): Promise<PanicError> {
  const error: unknown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  if (!isPanicError(error)) throw new Error(`the call gave no PanicError: ${String(error)}`);
  return error;
}

function askedAt(address: string, hosts: readonly string[] = []): Promise<unknown> {
  return meetServer(painterAt(address), { hosts }, AbortSignal.abort(new Error('would be asked')));
}

describe('a model behind a server', () => {
  test('paints: the request has the prompt, the size and the low bits of the seed, and the answer is a picture of that size', async () => {
    const painted = await generate(painterAt(server.base), text('a fox'), 2 ** 40 + 77);
    expect(painted).toEqual({
      modality: 'image',
      width: 8,
      height: 4,
      pixels: Uint8Array.from({ length: 96 }, (_, i) => [77, 1, 2][i % 3]!),
    });
    expect(server.asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1/models',
      'POST /v1/images/generations',
    ]);
    expect(server.asked[1]!.body).toEqual({
      model: 'tiny',
      prompt: 'a fox',
      n: 1,
      size: '8x4',
      response_format: 'b64_json',
      seed: 77,
    });
  });

  test('gets no seed where its settings say so', async () => {
    await generate(describerAt(server.base, 'image', { seed_bits: 0 }), red, 5);
    expect(server.asked[1]!.body).not.toHaveProperty('seed');
  });

  test('describes: the pixels arrive unchanged, and the answer becomes one line', async () => {
    expect(await generate(describerAt(server.base, 'image'), red)).toEqual(text('A picture of 250, 3, 4.'));
    expect(server.asked[1]!.body).toMatchObject({ max_tokens: 50, temperature: 0, stream: false, seed: 1 });
  });

  test('rewrites a text at the place that the prompt marks', async () => {
    const dollars = "a cat for $& and $'";
    expect(await generate(describerAt(server.base, 'text'), text(dollars))).toEqual(
      text(`more of What is it? ${dollars}`),
    );
  });

  test('embeds in order, whatever order the answer has', async () => {
    const model = await meetServer(embedderAt(server.base), LOCAL, never);
    const vectors = await model.embed([text('a'), text('bcd')], never);
    expect(vectors.map((vector) => [...vector])).toEqual([
      [8, 1, 0.5],
      [10, 1, 0.5],
    ]);
    expect(server.asked[1]!.body).toEqual({
      model: 'tiny',
      input: ['query: a', 'query: bcd'],
      encoding_format: 'float',
    });
  });

  test('has a fingerprint with its address and the name in its answers', async () => {
    const { fingerprint } = await meetServer(painterAt(server.base), LOCAL, never);
    expect(fingerprint).toMatchObject({ runtime: 'server', device: server.base, served: 'tiny', files: {} });
  });

  test('gets the key, and only in the header', async () => {
    await generate(painterAt(server.base), text('a'), 1, { hosts: [], apiKey: 'secret' });
    expect(server.asked.map(({ key }) => key)).toEqual(['Bearer secret', 'Bearer secret']);
    expect(JSON.stringify(server.asked.map(({ body }) => body))).not.toContain('secret');
  });

  test.each([
    ['404', 404, {}],
    ['405', 405, { error: 'method not allowed' }],
    ['501', 501, { error: 'not implemented' }],
    ['503', 503, {}],
    ['401', 401, { error: 'no key' }],
    ['a redirect', 307, {}],
    ['another form', 200, { models: ['tiny'] }],
    ['a list without names', 200, { data: [{ object: 'model' }] }],
    ['a list of nothing', 200, { data: [] }],
    ['a list of empty names', 200, { data: [{ id: '' }] }],
  ])('is accepted where the server has no list of models: %s', async (_, status, body) => {
    server.interfere(({ path }, response) => {
      if (path !== '/v1/models') return false;
      send(response, status, body);
      return true;
    });
    expect(await generate(painterAt(server.base), text('a'))).toMatchObject({ modality: 'image' });
    expect(server.asked).toHaveLength(2);
  });

  test('is accepted where the server answers with a page instead of a list', async () => {
    server.interfere(({ path }, response) => {
      if (path !== '/v1/models') return false;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>UI</title>');
      return true;
    });
    expect(await generate(painterAt(server.base), text('a'))).toMatchObject({ modality: 'image' });
  });

  test('is accepted where the list of models never comes, as from a server at work', async () => {
    server.interfere(({ path }) => path === '/v1/models');
    const model = painterAt(server.base, { timeout_s: 0.5 });
    expect(await generate(model, text('a'))).toMatchObject({ modality: 'image' });
  });
});

describe('a server', () => {
  test('may list a model under its name with the tag "latest"', async () => {
    server.interfere(({ path }, response) => {
      if (path !== '/v1/models') return false;
      send(response, 200, { data: [{ id: 'tiny:latest' }] });
      return true;
    });
    expect(await generate(painterAt(server.base), text('a'))).toMatchObject({ modality: 'image' });
  });

  test('that does not list the model is an error that names the models of its list', async () => {
    const failure = await failureOf(generate(painterAt(server.base, { model: 'other' }), text('a')));
    expect(failure.kind).toBe('InvalidInput');
    expect(failure.message).toMatch(/does not serve "other"; it lists tiny/);
  });

  test('that answers as another model is refused', async () => {
    const model = describerAt(server.base, 'image', { served_as: 'tiny-v2' });
    const failure = await failureOf(generate(model, red));
    expect(failure.kind).toBe('ModelOutputInvalid');
    expect(failure.message).toMatch(/answered as "tiny" where "tiny-v2" was expected/);
  });

  test.each([[''], [null], [' ']])(
    'that gives %j as its name is not taken for another model',
    async (name) => {
      server.interfere(({ path }, response) => {
        if (path === '/v1/models') return false;
        const message = { role: 'assistant', content: 'a caption' };
        send(response, 200, { model: name, choices: [{ index: 0, finish_reason: 'stop', message }] });
        return true;
      });
      expect(await generate(describerAt(server.base, 'image'), red)).toEqual(text('a caption'));
    },
  );

  test.each([
    ['another size', { data: [{ b64_json: 'iVBORw0KGgo=' }] }, /no picture of 8 x 4/],
    ['a link instead of a picture', { data: [{ url: 'http://x' }] }, /another form/],
    ['nothing', {}, /another form/],
  ])('that paints %s is an invalid output', async (_, body, message) => {
    server.interfere(({ path }, response) => {
      if (path === '/v1/models') return false;
      send(response, 200, body);
      return true;
    });
    const failure = await failureOf(generate(painterAt(server.base), text('a')));
    expect(failure.kind).toBe('ModelOutputInvalid');
    expect(failure.message).toMatch(message);
  });

  test.each([[503], [500], [507], [520], [529], [429], [408]])(
    'that is busy (%d) is asked again when it says so',
    async (status) => {
      let busy = 2;
      server.interfere(({ path }, response) => {
        if (path === '/v1/models' || busy-- <= 0) return false;
        const at = busy === 1 ? '0' : new Date(0).toUTCString();
        send(response, status, { error: 'loading' }, { 'retry-after': at });
        return true;
      });
      expect(await generate(painterAt(server.base), text('a'))).toMatchObject({ modality: 'image' });
      expect(server.asked).toHaveLength(4);
    },
  );

  test('that stays busy is a device error, with what it said', async () => {
    server.interfere((_, response) => {
      send(response, 503, { error: 'loading' }, { 'retry-after': '0' });
      return true;
    });
    const failure = await failureOf(generate(painterAt(server.base), text('a')));
    expect(failure.kind).toBe('DeviceError');
    expect(failure.message).toMatch(/status 503: .*loading/);
    // The list of models is requested once, whatever the answer.
    expect(server.asked).toHaveLength(1 + 4);
  });

  test('that refuses the request is not asked again', async () => {
    server.interfere(({ path }, response) => {
      if (path === '/v1/models') return false;
      send(response, 401, { error: 'no key' });
      return true;
    });
    const failure = await failureOf(generate(painterAt(server.base), text('a')));
    expect(failure.kind).toBe('InvalidInput');
    expect(failure.message).toMatch(/PANIC_TDA_SERVER_API_KEY/);
    expect(server.asked).toHaveLength(2);
  });

  test('that redirects is not followed', async () => {
    server.interfere((_, response) => {
      send(response, 307, {}, { location: 'http://127.0.0.1:2/v1/models' });
      return true;
    });
    expect((await failureOf(generate(painterAt(server.base), text('a')))).message).toMatch(/status 307/);
  });

  test('that cuts connections is asked again', async () => {
    let cuts = 2;
    server.interfere((_, response) => {
      if (cuts-- <= 0) return false;
      response.destroy();
      return true;
    });
    expect(await generate(painterAt(server.base), text('a'))).toMatchObject({ modality: 'image' });
  });

  test('that is too slow is a device error', async () => {
    server.interfere(({ path }) => path !== '/v1/models');
    const failure = await failureOf(generate(painterAt(server.base, { timeout_s: 0.05 }), text('a')));
    expect(failure.kind).toBe('DeviceError');
    expect(failure.message).toMatch(/no answer within 0.05 s/);
  });

  test('does not hold a caller that aborts', async () => {
    server.interfere(({ path }) => path !== '/v1/models');
    const stop = new AbortController();
    const model = await meetServer(painterAt(server.base), LOCAL, never);
    const call = model.generate(text('a'), 1, stop.signal);
    stop.abort(new Error('cancelled'));
    await expect(call).rejects.toThrow('cancelled');
  });
});

describe('an address', () => {
  test.each([
    ['http://example.org/v1', /not this machine; PANIC_TDA_SERVER_HOSTS=example.org/],
    ['http://localhost.example.org/v1', /not this machine/],
    ['http://user:word@127.0.0.1/v1', /user name/],
    ['ftp://127.0.0.1/v1', /no address of a server/],
    ['nonsense', /no address of a server/],
  ])('%s is refused before anything is sent', async (address, message) => {
    const failure = await failureOf(askedAt(address));
    expect(failure.kind).toBe('InvalidInput');
    expect(failure.message).toMatch(message);
  });

  test.each([
    ['http://127.3.2.1/v1', []],
    ['http://[::1]:8000/v1', []],
    ['http://localhost/v1', []],
    ['http://box.lan:8000/v1', ['box.lan']],
    ['http://box.lan:8000/v1', ['box.lan:8000']],
  ])('%s may be asked', async (address, hosts) => {
    await expect(askedAt(address, hosts)).rejects.toThrow('would be asked');
  });
});
