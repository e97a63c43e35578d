import type { Argument, Command, Option } from 'commander';
import { ANALYSES } from './analyses.js';

/** A word that may stand at the cursor. */
export interface Candidate {
  readonly word: string;
  readonly description: string;
}

/** What a shell offers: words, and the names of files or folders if the command line takes one. */
export interface Offer {
  readonly words: readonly Candidate[];
  readonly paths: 'files' | 'folders' | null;
}

/**
 * Words that only this machine knows. They are looked up when needed, and are empty if the lookup would be
 * slow.
 */
export interface Lookups {
  readonly experiments: () => Promise<readonly Candidate[]>;
  readonly models: () => Promise<readonly Candidate[]>;
}

/**
 * What may replace the last of `words`, the words after the name of the program. All of it comes from the
 * commands themselves, so it is always up to date.
 */
export async function offerFor(program: Command, words: readonly string[], lookups: Lookups): Promise<Offer> {
  const position = positionOf(program, words.slice(0, -1));
  const { command, option, given, onlyOperands } = position;
  // bash passes "=" as a word of its own.
  const current = words.at(-1) === '=' ? '' : (words.at(-1) ?? '');
  if (option !== null) return startingWith(await offerOfOption(option), current);
  const [, name, value] = /^(--[\w-]+)=(.*)$/s.exec(current) ?? [];
  if (name !== undefined && value !== undefined && !onlyOperands) {
    const found = optionsOf(command).find(({ long }) => long === name);
    const offer = found === undefined ? NOTHING : await offerOfOption(found);
    const words = offer.words.map(({ word, description }) => ({ word: `${name}=${word}`, description }));
    return startingWith({ ...offer, words }, current);
  }
  if (current.startsWith('-') && !onlyOperands) return startingWith(offerOfOptions(command), current);
  const offer = await offerOfArgument(program, position, lookups);
  const commands = given === 0 ? commandsOf(command) : [];
  return startingWith({ ...offer, words: [...commands, ...offer.words] }, current);
}

const NOTHING: Offer = { words: [], paths: null };

interface Position {
  readonly command: Command;
  /** The option that needs a value next. */
  readonly option: Option | null;
  /** How many arguments of the command are already typed. */
  readonly given: number;
  /** After `--` no word is an option. */
  readonly onlyOperands: boolean;
}

function positionOf(program: Command, words: readonly string[]): Position {
  let command = program;
  let option: Option | null = null;
  let given = 0;
  let onlyOperands = false;
  for (const word of words) {
    if (option !== null) {
      if (word !== '=') option = null;
    } else if (onlyOperands || !word.startsWith('-')) {
      const inner = given === 0 ? innerCommands(command).find((one) => one.name() === word) : undefined;
      if (inner === undefined || onlyOperands) given++;
      else command = inner;
    } else if (word === '--') onlyOperands = true;
    else {
      const found = optionsOf(command).find(({ long, short }) => long === word || short === word);
      option = found !== undefined && takesValue(found) ? found : null;
    }
  }
  return { command, option, given, onlyOperands };
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function offerOfOptions(command: Command): Offer {
  const words = optionsOf(command).flatMap(({ long, description }) =>
    long == null ? [] : [{ word: long, description }],
  );
  return { words, paths: null };
}

async function offerOfOption(option: Option): Promise<Offer> {
  const words = (option.argChoices ?? []).map((word) => ({ word, description: '' }));
  const placeholder = /<([\w-]+)>/.exec(option.flags)?.[1] ?? '';
  return { words, paths: pathsOf(placeholder) };
}

/** The commands that the help lists. Commander adds `help` itself on demand. */
function innerCommands(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command);
}

function commandsOf(command: Command): Candidate[] {
  return innerCommands(command).map((one) => ({ word: one.name(), description: one.description() }));
}

async function offerOfArgument(
  program: Command,
  { command, given }: Position,
  lookups: Lookups,
): Promise<Offer> {
  const declared = command.registeredArguments;
  const last = declared.at(-1);
  const argument: Argument | undefined = declared[given] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return NOTHING;
  if (argument.argChoices !== undefined) {
    return { words: argument.argChoices.map((word) => ({ word, description: '' })), paths: null };
  }
  switch (argument.name()) {
    case 'id':
      return {
        words: [...(given === 0 ? [] : wordsAfterIds(argument)), ...(await lookups.experiments())],
        paths: null,
      };
    case 'name':
    case 'names':
      return { words: await lookups.models(), paths: null };
    case 'command':
      return { words: commandsOf(program), paths: null };
    default:
      return { words: [], paths: pathsOf(argument.name()) };
  }
}

/** `analyse` takes any number of ids, and then one of these words. */
function wordsAfterIds({ variadic }: Argument): readonly Candidate[] {
  return variadic ? ANALYSES.map((word) => ({ word, description: '' })) : [];
}

/** Which paths a placeholder of usage and help stands for, such as `<folder>`. */
function pathsOf(placeholder: string): Offer['paths'] {
  if (placeholder === 'file') return 'files';
  return ['folder', 'source', 'place'].includes(placeholder) ? 'folders' : null;
}

function startingWith({ words, paths }: Offer, beginning: string): Offer {
  return { words: words.filter(({ word }) => word.startsWith(beginning)), paths };
}
