import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CommandError } from '../../bench/common/command.js';

/**
 * A model behind a server (docs/models.md) that describes pictures when the rehearsal lets it: an experiment with it lasts as long as the
 * rehearsal wants, however slow or fast the machine is.
 */
export interface GatedModel {
  /** A catalogue with the model, as a file's text. */
  readonly catalogue: string;
  /** Answers what waits; returns how much that was. Throws a CommandError where it would be more than it may answer. */
  letThrough(): number;
  /** Answers everything from now on, at once; returns how much it had answered until then. */
  open(): number;
  /** Lets nothing through by itself from now on, and at most `most` answers in all until it is opened. */
  close(most: number): void;
  stop(): Promise<void>;
}

export const GATED_MODEL = 'GatedDescriber';

interface Waiting {
  readonly question: string;
  readonly response: ServerResponse;
}

export async function startGatedModel(): Promise<GatedModel> {
  const waiting = new Set<Waiting>();
  let most = Infinity;
  let isOpen = true;
  let answers = 0;

  async function hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET') return send(response, { object: 'list', data: [{ id: GATED_MODEL }] });
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = { question: Buffer.concat(chunks).toString(), response };
    if (isOpen) return answer(one);
    waiting.add(one);
    // A worker that stops asks no more.
    response.once('close', () => waiting.delete(one));
  }

  function answerAll(): void {
    for (const one of waiting) answer(one);
    waiting.clear();
  }

  const server = createServer((request, response) => {
    hear(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    catalogue: catalogueFor(`http://127.0.0.1:${port}/v1`),
    letThrough() {
      const count = waiting.size;
      answers += count;
      if (answers > most) throw new CommandError(`the model has given ${most} answers; give more --length`);
      answerAll();
      return count;
    },
    open() {
      isOpen = true;
      answerAll();
      return answers;
    },
    close(limit) {
      [isOpen, most, answers] = [false, limit, 0];
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same words for the same question: picture, seed and settings. */
function answer({ question, response }: Waiting): void {
  const digest = createHash('sha256').update(question).digest('hex').slice(0, 12);
  const message = { role: 'assistant', content: `a picture like ${digest}` };
  send(response, { model: GATED_MODEL, choices: [{ index: 0, finish_reason: 'stop', message }] });
}

function send(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function catalogueFor(base: string): string {
  const model = {
    name: GATED_MODEL,
    kind: 'generative',
    summary: 'Answers when it is let.',
    loader: 'server',
    source: `server:${base}`,
    revision: '1',
    license: 'MIT',
    input: 'image',
    output: 'text',
    deterministic: true,
    settings: {
      api: 'chat',
      model: GATED_MODEL,
      prompt: 'What is it?',
      max_tokens: 20,
      // It waits for the rehearsal.
      timeout_s: 3600,
    },
  };
  return JSON.stringify({ models: [model] });
}
