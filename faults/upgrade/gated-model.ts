import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { CommandError } from '../../bench/common/command.js';
import { portOf } from '../../workers/processes/free-ports.js';

/**
 * A model behind a server (docs/models.md) that describes pictures only when the rehearsal opens its gate. An
 * experiment with it lasts as long as the rehearsal wants, on a slow machine and on a fast one.
 */
export interface GatedModel {
  /** The text of a catalogue file with the model. */
  readonly catalogue: string;
  /**
   * Answers the calls that wait, and returns their number. Throws a CommandError if that would exceed the
   * limit of answers.
   */
  letThrough(): number;
  /** From now on answers every call at once. Returns how many it had answered until then. */
  open(): number;
  /**
   * From now on answers only what `letThrough` lets through, at most `most` calls until the gate is opened.
   */
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
    for await (const chunk of request) chunks.push(chunk);
    const one = { question: Buffer.concat(chunks).toString(), response };
    if (isOpen) return answer(one);
    waiting.add(one);
    // A worker that stops ends its calls.
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
  const port = portOf(server);
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

/** Gives the same words for the same question: picture, seed and settings. */
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
    summary: 'Answers when the rehearsal lets it.',
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
