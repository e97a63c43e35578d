import { createHash } from 'node:crypto';
import type { Artifact } from '../../experiment/artifact.js';
import { assertNever } from '../../common/errors.js';
import { excerptOf } from '../../common/text.js';
import type { EmbeddedItem, GeneratedItem, GenerateItem } from '../loaded-model.js';
import { failureError } from './runner-protocol.js';
import type { BatchAnswers, BatchRequest } from './process-protocol.js';

/** How items of one kind of model get to its process, and its answers back. */
export interface BatchKind<Item, Answer> {
  request(items: readonly Item[]): BatchRequest;
  /** One answer or error for each item, in order. */
  answers(answers: BatchAnswers): readonly (Answer | Error)[];
  /** Names an item in messages. Different items have different names. */
  describe(item: Item): string;
}

export const generating: BatchKind<GenerateItem, GeneratedItem> = {
  request: (items) => ({ task: 'generate', items }),
  answers: (answers) => {
    if (answers.task !== 'generate') throw otherQuestion();
    return answers.items.map((item) => ('output' in item ? item : failureError(item)));
  },
  describe: ({ input, seed }) => `${describe(input)} with seed ${seed}`,
};

export const embedding: BatchKind<Artifact, EmbeddedItem> = {
  request: (inputs) => ({ task: 'embed', inputs }),
  answers: (answers) => {
    if (answers.task !== 'embed') throw otherQuestion();
    return answers.items;
  },
  describe,
};

function otherQuestion(): Error {
  return new Error('the process answered another question');
}

const EXCERPT_CHARACTERS = 60;

function describe(input: Artifact): string {
  switch (input.modality) {
    case 'text':
      return `the text ${JSON.stringify(excerptOf(input.text, EXCERPT_CHARACTERS))} (SHA-256 ${digestOf(input.text)}…)`;
    case 'image':
      return `a picture of ${input.width} x ${input.height} pixels (SHA-256 of its pixels ${digestOf(input.pixels)}…)`;
    default:
      return assertNever(input);
  }
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}
