import { assertNever } from '../../common/errors.js';
import { hashText, Random } from '../random.js';
import { type Colour, COLOURS } from './palette.js';
import { type Backdrop, type Relation, type Scene, type Shape, SHAPES, type Size } from './scene.js';
import { meaningOf, shaded } from './vocabulary.js';

interface Group {
  readonly count: number | null;
  readonly size: Size | null;
  readonly colour: Colour | null;
  readonly shape: Shape;
}

/** The colour of a background that a prompt calls "pale" or "dark" without naming a colour. */
const UNCOLOURED = { pale: 'cream', dark: 'dark blue' } as const;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a prompt says about a picture. */
export interface Sketch {
  /** Attributes that the prompt leaves open are absent. */
  readonly scene: Partial<Scene>;
  /**
   * Whether the prompt names the background, or two colours that belong to no thing. Descriptions of pictures do,
   * and other prompts seldom do.
   */
  readonly namesBackground: boolean;
}

/**
 * Finds what a prompt says about a picture. It reads word by word: numbers, sizes and colours wait for the noun to
 * which they belong. The first two nouns are subject and companion. Where known words name fewer than two things, a
 * word that the painter does not know stands for a shape and a colour of its own, always the same.
 */
export function readPrompt(prompt: string): Sketch {
  const reader = new PromptReader();
  for (const word of wordsOf(prompt)) reader.read(word);
  return reader.finish();
}

/** The words of a prompt in lower case; hyphens join. */
export function wordsOf(prompt: string): readonly string[] {
  return prompt.toLowerCase().match(/[\p{L}\p{N}]+(?:-[\p{L}\p{N}]+)*/gu) ?? [];
}

class PromptReader {
  readonly #scene: Partial<Mutable<Scene>> = {};
  readonly #groups: Group[] = [];
  readonly #unknown: string[] = [];
  #looseColours: Colour[] = [];
  #count: number | null = null;
  #size: Size | null = null;
  #shade: 'pale' | 'dark' | null = null;
  #relation: Relation | 'around' | null = null;
  #namesBackground = false;

  read(word: string): void {
    const meaning = meaningOf(word);
    if (meaning === undefined) {
      this.#readUnknown(word);
      return;
    }
    switch (meaning.kind) {
      case 'count':
        this.#count = meaning.count;
        return;
      case 'size':
        this.#size = meaning.size;
        return;
      case 'shade':
        this.#shade = meaning.shade;
        return;
      case 'colour':
        this.#looseColours.push(shaded(meaning.colour, this.#shade));
        this.#shade = null;
        return;
      case 'shape': {
        const colour = this.#looseColours.pop() ?? meaning.colour ?? null;
        this.#addGroup({
          count: this.#count,
          size: this.#size ?? meaning.size ?? null,
          colour,
          shape: meaning.shape,
        });
        return;
      }
      case 'relation':
        this.#relation ??= meaning.relation;
        return;
      case 'backdrop':
        this.#readBackdrop(meaning.backdrop);
        return;
      case 'mood':
        Object.assign(this.#scene, meaning.scene);
        return;
      case 'filler':
        return;
      default:
        assertNever(meaning);
    }
  }

  #readBackdrop(backdrop: Backdrop): void {
    const named = this.#looseColours.pop();
    const colour = named ?? (this.#shade === null ? undefined : UNCOLOURED[this.#shade]);
    this.#shade = null;
    if (backdrop === 'plain') {
      if (colour) this.#scene.backgroundColour = colour;
      this.#namesBackground ||= named !== undefined;
    } else {
      this.#scene.backdrop = backdrop;
      if (colour) this.#scene.secondColour = colour;
    }
  }

  #readUnknown(word: string): void {
    const digits = /^\d+$/.test(word) ? Number(word) : 0;
    if (digits >= 1) this.#count = Math.min(digits, 8);
    else if (word.length > 2) this.#unknown.push(word);
  }

  #addGroup(group: Group): void {
    this.#groups.push(group);
    this.#count = null;
    this.#size = null;
    this.#shade = null;
  }

  finish(): Sketch {
    while (this.#groups.length < 2 && this.#unknown.length > 0) {
      const random = new Random(hashText(this.#unknown.shift()!, 0));
      const shape = random.pick(SHAPES);
      this.#addGroup({
        count: this.#count,
        size: this.#size,
        shape,
        colour: this.#looseColours.pop() ?? random.pick(COLOURS),
      });
    }
    const scene = this.#scene;
    const [first, second] = this.#looseColours;
    this.#namesBackground ||= second !== undefined;
    if (first !== undefined) scene.backgroundColour ??= first;
    if (second !== undefined) scene.secondColour ??= second;
    if (scene.backgroundColour !== undefined) scene.backdrop ??= 'plain';
    this.#placeGroups();
    return { scene, namesBackground: this.#namesBackground };
  }

  #placeGroups(): void {
    const scene = this.#scene;
    const around = this.#relation === 'around';
    const [subject, companion] = around ? [this.#groups[1], this.#groups[0]] : this.#groups;
    if (subject) {
      scene.subjectShape = subject.shape;
      scene.subjectCount = subject.count ?? 1;
      scene.subjectSize = subject.size ?? 'medium';
      if (subject.colour) scene.subjectColour = subject.colour;
    }
    if (companion) {
      scene.companionShape = companion.shape;
      scene.companionCount = companion.count ?? 1;
      scene.companionSize = companion.size ?? 'medium';
      if (companion.colour) scene.companionColour = companion.colour;
    }
    if (this.#relation !== null) scene.relation = this.#relation === 'around' ? 'inside' : this.#relation;
  }
}
