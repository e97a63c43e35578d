import { excerptOf, isBlank, visible } from './text.js';

/** One fault of an experiment file. */
export interface Problem {
  /** The place of the fault: `networks[1][0]`, `line 3, column 7`, or empty for the experiment as a whole. */
  readonly path: string;
  readonly found: string;
  readonly allowed: string;
  /** The path, the found value and the allowed values on one line. */
  readonly message: string;
  /** A sentence that explains several problems. The message shows it once, after all problems. */
  readonly note?: string;
}

export function problem(path: string, found: string, allowed: string): Problem {
  return {
    path,
    found,
    allowed,
    message: `${path || 'the experiment'}: found ${found}; allowed: ${allowed}`,
  };
}

/** `['networks', 1, 0]` -> `networks[1][0]`. */
export function pathText(segments: readonly PropertyKey[]): string {
  let path = '';
  for (const segment of segments) {
    const name = String(segment);
    if (typeof segment === 'number') path += `[${segment}]`;
    else if (/^[$\w]{1,60}$/.test(name)) path += path === '' ? name : `.${name}`;
    else path += `[${quoted(name)}]`;
  }
  return path;
}

const LONGEST_QUOTE = 60;

/** Characters that show nothing are spelled out if the text has no others. */
const NOT_ASCII = /[^ -~]/g;

/** Text in double quotes on one line, cut after 60 characters. */
export function quoted(text: string): string {
  // Some messages are about halves of surrogate pairs: JSON.stringify spells them out.
  const shown = text.length > LONGEST_QUOTE ? excerptOf(text, LONGEST_QUOTE + 1) : text;
  const json = JSON.stringify(shown);
  if (!isBlank(text)) return visible(json);
  return json.replace(
    NOT_ASCII,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Any value in a few words: `"text"`, `1.5`, `null`, `an empty list`, `an object`. */
export function described(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (value === undefined) return 'nothing';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** `a, b, c`. Names beyond `most` are counted instead of named. */
export function listed(names: readonly string[], most = 30): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

const MOST_PROBLEM_LINES = 100;

/**
 * A heading, then one line per problem. Problems beyond 100 are only counted. The notes follow, each once.
 * The text ends without a line break.
 */
export function formatProblems(problems: readonly Problem[], source: string): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = problems.slice(0, MOST_PROBLEM_LINES).map(({ message }) => `  ${message}`);
  if (problems.length > MOST_PROBLEM_LINES) {
    lines.push(`  and ${problems.length - MOST_PROBLEM_LINES} more`);
  }
  const notes = new Set(problems.flatMap(({ note }) => note ?? []));
  return [`${source}: ${count}`, ...lines, ...notes].join('\n');
}
