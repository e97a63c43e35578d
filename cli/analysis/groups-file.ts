import { readFileSync } from 'node:fs';
import { PanicError } from '../../common/errors.js';
import { decodedText, unreadableFile } from '../../common/file-text.js';
import { pathProblem } from '../../common/path-text.js';
import { formatProblems, type Problem, problem, quoted } from '../../common/problems.js';
import { CsvError, parseCsv } from './csv.js';

const HEADER = 'prompt,group';
const ALLOWED = `a CSV file in UTF-8 whose first line is ${HEADER}`;

/**
 * Reads a file of groups of prompts (paraphrases): CSV with the columns prompt and group, one line for each prompt.
 * Returns the group of each prompt. A prompt of the experiments that the file lacks is in no group.
 *
 * @throws PanicError `InvalidInput` with every problem of the file and its line.
 */
export function readGroups(file: string, prompts: ReadonlySet<string>): Map<string, string> {
  const refused = pathProblem(file);
  if (refused !== null) throw new PanicError('InvalidInput', `--groups ${refused}: "${file}"`);
  const text = decodedText(bytesOf(file));
  if (typeof text !== 'string')
    throw problemsOf(file, [{ ...text, message: `it is ${text.found}; expected ${ALLOWED}` }]);
  return groupsIn(file, text, prompts);
}

function bytesOf(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { found } = unreadableFile(error, ALLOWED);
    throw problemsOf(file, [problem('--groups', found, ALLOWED)]);
  }
}

function groupsIn(file: string, text: string, prompts: ReadonlySet<string>): Map<string, string> {
  const problems: Problem[] = [];
  const groups = new Map<string, string>();
  const lineOf = new Map<string, number>();
  const records = recordsOf(file, text);
  const [header] = records;
  if (header?.cells.join(',') !== HEADER) {
    const found = header === undefined ? 'an empty file' : quoted(header.cells.join(','));
    throw problemsOf(file, [problem('line 1', found, HEADER)]);
  }
  for (const { line, cells } of records.slice(1)) {
    const [prompt, group] = cells;
    const at = `line ${line}`;
    if (prompt === undefined || group === undefined || cells.length !== 2) {
      problems.push(problem(at, `${cells.length} cells`, 'a prompt and its group'));
      continue;
    }
    if (group.trim() === '') problems.push(problem(at, 'no name of a group', 'a prompt and its group'));
    if (!prompts.has(prompt)) {
      problems.push(
        problem(at, `the prompt ${quoted(prompt)}, which no run here has`, 'a prompt of the runs'),
      );
    }
    const earlier = lineOf.get(prompt);
    if (earlier !== undefined) {
      problems.push(
        problem(at, `the prompt ${quoted(prompt)} again, after line ${earlier}`, 'each prompt once'),
      );
    }
    lineOf.set(prompt, earlier ?? line);
    groups.set(prompt, group);
  }
  if (problems.length === 0 && groups.size === 0)
    problems.push(problem('line 2', 'no prompt', 'a line for each prompt'));
  if (problems.length > 0) throw problemsOf(file, problems);
  return groups;
}

function recordsOf(file: string, text: string): ReturnType<typeof parseCsv> {
  try {
    return parseCsv(text);
  } catch (error) {
    if (error instanceof CsvError)
      throw problemsOf(file, [problem(`line ${error.line}`, error.found, error.allowed)]);
    throw error;
  }
}

function problemsOf(file: string, problems: readonly Problem[]): PanicError {
  return new PanicError('InvalidInput', formatProblems(problems, file));
}
