import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import sharp from 'sharp';
import type { Model } from '../../experiment/model.js';
import { portOf } from './port-of.js';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

/** A request to a server of models. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly body: unknown;
}

/** Lets a test answer a request in its own way. Returns true if it did. */
type Interference = (asked: Asked, response: ServerResponse) => boolean;

export const leaveAlone: Interference = () => false;

/**
 * A real HTTP server with the interfaces of servers for open-weight models. Its models are simple enough to
 * check: one paints the colour that the seed gives, one names the colour of a picture's first pixel, one
 * counts letters.
 */
export async function startModelServer() {
  const asked: Asked[] = [];
  let interfere = leaveAlone;
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sent = await text(request);
    const one = {
      method: request.method ?? '',
      path: request.url ?? '',
      key: request.headers.authorization,
      body: sent === '' ? null : (JSON.parse(sent) as unknown),
    };
    asked.push(one);
    if (interfere(one, response)) return;
    const answer = await ANSWERS[one.path]?.(one.body);
    if (answer === undefined) send(response, 404, { error: { message: 'no such path' } });
    else send(response, 200, answer);
  }

  return {
    base: `http://127.0.0.1:${portOf(server)}/v1`,
    asked,
    interfere(how: Interference) {
      interfere = how;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function send(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const PictureRequest = z.object({ size: z.string(), seed: z.number() });
const ChatRequest = z.object({
  messages: z.array(
    z.object({
      content: z.union([
        z.string(),
        z.array(z.object({ image_url: z.object({ url: z.string() }).optional() })),
      ]),
    }),
  ),
});
const VectorRequest = z.object({ input: z.array(z.string()) });

const ANSWERS: Readonly<Record<string, (body: unknown) => unknown>> = {
  '/v1/models': () => ({ object: 'list', data: [{ id: 'tiny', object: 'model' }] }),
  '/v1/images/generations': async (body) => {
    const { size, seed } = PictureRequest.parse(body);
    const [width, height] = size.split('x').map(Number);
    const create = {
      width: width!,
      height: height!,
      channels: 3 as const,
      background: { r: seed % 256, g: 1, b: 2 },
    };
    return {
      created: 1,
      data: [{ b64_json: (await sharp({ create }).png().toBuffer()).toString('base64') }],
    };
  },
  '/v1/chat/completions': async (body) => {
    const { content } = ChatRequest.parse(body).messages[0]!;
    if (typeof content === 'string') return chat(`more of ${content}`);
    const url = content.find((part) => part.image_url)!.image_url!.url;
    const pixels = await sharp(Buffer.from(url.split(',')[1]!, 'base64'))
      .raw()
      .toBuffer();
    return chat(`A picture\n\nof ${pixels[0]}, ${pixels[1]}, ${pixels[2]}. `);
  },
  // In another order: the interface gives each its index.
  '/v1/embeddings': (body) => ({
    model: 'tiny',
    data: VectorRequest.parse(body)
      .input.map((text, index) => ({ index, embedding: [text.length, 1, 0.5] }))
      .toReversed(),
  }),
};

function chat(content: string): unknown {
  return {
    model: 'tiny',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
  };
}

const identity = {
  summary: 'served',
  revision: '1',
  license: 'MIT',
  loader: 'server',
  weights: null,
} as const;

export function painterAt(base: string, settings = {}): Model {
  return {
    ...identity,
    kind: 'generative',
    name: 'ServedPainter',
    input: 'text',
    output: 'image',
    deterministic: false,
    source: `server:${base}`,
    settings: { api: 'images', model: 'tiny', width: 8, height: 4, seed_bits: 32, timeout_s: 5, ...settings },
  };
}

export function describerAt(base: string, input: 'image' | 'text', settings = {}): Model {
  return {
    ...identity,
    kind: 'generative',
    name: 'ServedDescriber',
    input,
    output: 'text',
    deterministic: false,
    source: `server:${base}`,
    settings: {
      api: 'chat',
      model: 'tiny',
      prompt: 'What is it? {input}',
      max_tokens: 50,
      timeout_s: 5,
      ...settings,
    },
  };
}

export function embedderAt(base: string, settings = {}): Model {
  return {
    ...identity,
    kind: 'embedding',
    name: 'ServedEmbedder',
    input: 'text',
    dimension: 3,
    source: `server:${base}`,
    settings: { api: 'embeddings', model: 'tiny', prefix: 'query: ', timeout_s: 5, ...settings },
  };
}
