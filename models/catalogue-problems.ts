import type * as z from 'zod';
import { nearest } from '../common/nearest.js';
import { described, pathText, problem, quoted, type Problem } from '../common/problems.js';
import { catalogueJsonSchema } from './catalogue-schema.js';

type Issue = z.core.$ZodIssue;

/** What is wrong with the form of a catalogue file, in the words that messages about experiment files use. */
export function formProblems(issues: readonly Issue[], content: unknown): Problem[] {
  return issues.flatMap((issue) => problemsOf(issue, [], content));
}

/** A problem at a place of the file; an empty path means the file as a whole. */
export function catalogueProblem(path: string, found: string, allowed: string): Problem {
  const one = problem(path, found, allowed);
  return path === '' ? { ...one, message: `the catalogue: found ${found}; allowed: ${allowed}` } : one;
}

function problemsOf(issue: Issue, base: readonly PropertyKey[], content: unknown): Problem[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'invalid_union') {
    return bestBranch(issue.errors).flatMap((inner) => problemsOf(inner, path, content));
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const near = nearest(key, fieldNames());
      const allowed =
        near === null ? 'the fields of models/catalogue.schema.json' : `did you mean ${quoted(near)}?`;
      return catalogueProblem(pathText([...path, key]), 'an unknown field', allowed);
    });
  }
  return [catalogueProblem(pathText(path), described(valueAt(content, path)), allowedBy(issue))];
}

/** The fields that decide which form an entry has. */
const DISCRIMINATORS: readonly PropertyKey[] = ['loader', 'kind'];

/** The form that the user meant: of those whose `loader` and `kind` fit best, the one with the fewest problems. */
function bestBranch(branches: readonly (readonly Issue[])[]): Issue[] {
  const loaders = branches.flatMap((issues) =>
    issues.flatMap((issue) => (isAt(issue, 'loader') ? valuesOf(issue) : [])),
  );
  const cost = (issues: readonly Issue[]): number =>
    issues.length + 1000 * issues.filter((issue) => DISCRIMINATORS.some((name) => isAt(issue, name))).length;
  const best = branches.toSorted((a, b) => cost(a) - cost(b))[0] ?? [];
  // Each branch allows one loader, so the message lists those of all branches.
  return best.map((issue) =>
    isAt(issue, 'loader') && issue.code === 'invalid_value'
      ? { ...issue, values: [...new Set(loaders)] }
      : issue,
  );
}

function isAt({ path }: Issue, name: PropertyKey): boolean {
  return path.length === 1 && path[0] === name;
}

function valuesOf(issue: Issue): readonly z.core.util.Primitive[] {
  return issue.code === 'invalid_value' ? issue.values : [];
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list [ ]',
  object: 'an object { }',
};

function allowedBy(issue: Issue): string {
  if (issue.code === 'invalid_type') return EXPECTED[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value)).join(' or ');
  return issue.message.replace(/^Too (small|big): expected /, '');
}

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    content,
  );
}

/** Every field name that the JSON Schema has anywhere. */
function fieldNames(): Set<string> {
  const names = new Set<string>();
  const look = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return;
    for (const [key, value] of Object.entries(schema)) {
      if (key === 'properties' && typeof value === 'object' && value !== null)
        for (const name of Object.keys(value)) names.add(name);
      look(value);
    }
  };
  look(catalogueJsonSchema());
  return names;
}
