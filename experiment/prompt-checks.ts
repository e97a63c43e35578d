import { MAX_TEXT_CHARACTERS } from './artifact.js';
import { listIn, type Fields } from './field-checks.js';
import { pathText, problem, quoted, type Problem } from '../common/problems.js';

/** Prompts that are longer than any model reads: the runs of such a prompt could not begin. */
export function promptLengthProblems(fields: Fields): Problem[] {
  return listIn(fields['prompts']).flatMap((prompt, index) =>
    lengthProblems(pathText(['prompts', index]), prompt),
  );
}

/** Texts with U+FFFD, the character that programs write in place of bytes that they could not read. */
export function unreadTextProblems(fields: Fields): Problem[] {
  return [
    ...replacementProblems('name', fields['name']),
    ...listIn(fields['prompts']).flatMap((prompt, index) =>
      replacementProblems(pathText(['prompts', index]), prompt),
    ),
  ];
}

function lengthProblems(path: string, text: unknown): Problem[] {
  if (typeof text !== 'string' || text.length <= MAX_TEXT_CHARACTERS) return [];
  const [found, allowed] = [text.length, MAX_TEXT_CHARACTERS].map((length) => length.toLocaleString('en'));
  return [problem(path, `a text of ${found} characters`, `at most ${allowed}, which models read`)];
}

function replacementProblems(path: string, text: unknown): Problem[] {
  if (typeof text !== 'string') return [];
  const position = text.indexOf('\ufffd');
  if (position < 0) return [];
  const shown = quoted(text.slice(Math.max(0, position - 20), position + 20));
  return [
    problem(
      path,
      `the replacement character U+FFFD in ${shown}, where another program could not read the text`,
      'the character that was meant; save the file as UTF-8',
    ),
  ];
}
