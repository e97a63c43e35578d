import { CommandError } from '../../bench/common/command.js';

/** The commands of docs/upgrading.md for an operator of a fleet. */
export interface Page {
  /** The first block: variables with examples of their values, and functions. */
  readonly settings: string;
  readonly blocks: readonly Block[];
}

/** The commands of one block, which belong to a step. */
export interface Block {
  /** Section and number of its heading: `A fleet, step 3`. */
  readonly step: string;
  readonly commands: string;
}

/** Sections whose blocks are tried. */
const SECTIONS = ['A fleet', 'A fleet, back again'];
const [FIRST_SECTION] = SECTIONS;

/** Variables of the first block, whose example values the rehearsal replaces. */
const SETTINGS = ['OLD', 'NEW', 'OWNER', 'BACKUP', 'OLD_BUILD', 'NEW_BUILD'] as const;
export type Setting = (typeof SETTINGS)[number];

/** Variables that an operator has besides. */
const VARIABLES = ['PANIC_TDA_DATABASE', 'OLD_WORKERS', 'NEW_WORKERS'];

/**
 * Reads the page. Throws a CommandError with everything that the rehearsal could not do as it is written: a
 * block out of order, a block of no step, a step that `steps` lacks, a step of `steps` without a block, or a
 * placeholder without a value.
 */
export function readPage(text: string, steps: readonly string[]): Page {
  const problems: string[] = [];
  const found = fencesOf(text).filter(({ section }) => SECTIONS.includes(section));
  for (const { language, line } of found.filter(({ language }) => language !== 'sh')) {
    problems.push(`line ${line}: a block of "${language}", which is not tried; only blocks of "sh" are`);
  }
  const [first, ...rest] = found.filter(({ language }) => language === 'sh');
  if (first === undefined || first.section !== FIRST_SECTION || first.number !== null) {
    throw new CommandError(`the section "${FIRST_SECTION}" does not begin with a block of its variables`);
  }
  problems.push(...settingsProblems(first.text));
  const blocks = rest.flatMap(({ section, number, text: commands, line }) => {
    problems.push(...placeholderProblems(commands, line));
    if (number === null) problems.push(`line ${line}: a block below no heading with a number`);
    return number === null ? [] : [{ step: `${section}, step ${number}`, commands, line }];
  });
  for (const [index, { step, line }] of blocks.entries()) {
    if (!steps.includes(step)) problems.push(`line ${line}: "${step}" is no step that the rehearsal knows`);
    else if (blocks.findIndex((block) => block.step === step) < index)
      problems.push(`line ${line}: another block of "${step}"`);
  }
  for (const step of steps) {
    if (!blocks.some((block) => block.step === step)) problems.push(`"${step}" has no block`);
  }
  if (problems.length === 0 && blocks.some(({ step }, index) => step !== steps[index])) {
    problems.push(`the steps are in another order than ${steps.join('; ')}`);
  }
  if (problems.length > 0) {
    throw new CommandError(`the page and its rehearsal differ:\n  - ${problems.join('\n  - ')}`);
  }
  return { settings: first.text, blocks };
}

interface Fence {
  readonly section: string;
  /** Number of the nearest heading below that of the section: `### 3. Migrate` has 3. */
  readonly number: string | null;
  readonly language: string;
  readonly text: string;
  readonly line: number;
}

function fencesOf(text: string): Fence[] {
  const fences: Fence[] = [];
  let section = '';
  let number: string | null = null;
  let open: { readonly language: string; readonly line: number; readonly lines: string[] } | null = null;
  for (const [index, line] of text.split('\n').entries()) {
    const [, language] = /^```(.*)$/.exec(line) ?? [];
    if (open !== null && language !== undefined) {
      const { lines, ...fence } = open;
      fences.push({ ...fence, section, number, text: `${lines.join('\n')}\n` });
      open = null;
    } else if (open !== null) open.lines.push(line);
    else if (language !== undefined) open = { language, line: index + 1, lines: [] };
    else if (line.startsWith('## ')) [section, number] = [line.slice('## '.length), null];
    else if (line.startsWith('### ')) number = /^### (\d+)\. /.exec(line)?.[1] ?? null;
  }
  return fences;
}

const ASSIGNMENT = /\b([A-Z_]+)=(\S+)/g;

function settingsProblems(settings: string): string[] {
  const names = [...settings.matchAll(ASSIGNMENT)].map(([, name]) => name!);
  return [
    ...names
      .filter((name) => !SETTINGS.some((known) => known === name))
      .map((name) => `the rehearsal has no value for ${name}`),
    ...SETTINGS.filter((name) => !names.includes(name)).map((name) => `${name} is given no value`),
  ];
}

/**
 * Placeholders that a reader has to fill in: `$NAME` of no known variable, and words like NAME, <name> and ….
 */
function placeholderProblems(commands: string, line: number): string[] {
  const code = commands.replaceAll(/ #.*$/gm, '');
  const variables = [...code.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name!);
  const known: readonly string[] = [...SETTINGS, ...VARIABLES];
  return [
    ...variables.filter((name) => !known.includes(name)).map((name) => `$${name}`),
    ...[...code.matchAll(/(?<![\w$\-{/.])[A-Z][A-Z_]+(?![\w=])|<[^>\n]*>|…/g)].map(([word]) => word),
  ].map((word) => `line ${line}: nothing fills in ${word}`);
}

/**
 * The first block with our values instead of the examples. A variable without a value is left out, so that a
 * command that uses it fails.
 */
export function settingsWith(settings: string, values: Readonly<Partial<Record<Setting, string>>>): string {
  return settings.replaceAll(ASSIGNMENT, (_, name: Setting) => {
    const value = values[name];
    return value === undefined ? '' : `${name}=${shellQuoted(value)}`;
  });
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
