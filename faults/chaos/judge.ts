import { spawn } from 'node:child_process';
import type { StorePlace } from '../../db/index.js';
import { checkInvariants } from '../../db/doctor/index.js';
import { BAR_MEASURES } from '../../tda/index.js';
import { compareStores, openExisting } from './compare.js';
import { CLI } from './programs.js';

/** What is wrong after a round, each as a sentence; empty if nothing is. */
export async function judge(
  place: StorePlace,
  undisturbed: StorePlace,
  experiments: readonly string[],
): Promise<string[]> {
  const wrong: string[] = [];
  const store = await openExisting(place);
  try {
    const stored = (await store.experiments.list()).map(({ id }) => id).sort();
    const expected = [...experiments].sort();
    if (stored.join() !== expected.join()) {
      wrong.push(`the experiments are ${stored.join(', ')}; expected ${expected.join(', ')}`);
    }
    const options = { deep: true, measures: BAR_MEASURES };
    for await (const { invariant, table, id, message } of checkInvariants(store.db, store.objects, options)) {
      wrong.push(`${table} ${id}: ${message} (invariant ${invariant})`);
    }
  } finally {
    await store.close();
  }
  for (const experiment of experiments) {
    const { differences } = await compareStores(undisturbed, place, experiment);
    for (const { how, row } of differences) wrong.push(`experiment ${experiment}, ${row}: ${how}`);
  }
  return wrong;
}

/**
 * Kinds of failed attempts that no fault explains: two attempts that wrote different rows, or an error of the
 * program.
 */
const UNEXPLAINED_KINDS = [
  'StoreConflict',
  'TypeError',
  'ReferenceError',
  'RangeError',
  'SyntaxError',
  'AssertionError',
];

export interface FailedAttempts {
  readonly byKind: ReadonlyMap<string, number>;
  /** Failures of the kinds that must not be, with their messages. */
  readonly unexplained: readonly string[];
  /** Whether one of them met a full disk. */
  readonly metFullDisk: boolean;
}

const FULL = /ENOSPC|no space left|disk is full|disk full|SQLITE_FULL/i;

/** The failed attempts in the log of the store. */
export async function failedAttempts(place: StorePlace): Promise<FailedAttempts> {
  const store = await openExisting(place);
  const byKind = new Map<string, number>();
  const unexplained: string[] = [];
  let metFullDisk = false;
  try {
    const snapshot = await store.db.snapshot();
    try {
      for await (const { kind, message } of snapshot.rows<{ kind: string; message: string }>(
        'select kind, message from failures order by id',
      )) {
        byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
        if (UNEXPLAINED_KINDS.includes(kind)) unexplained.push(`${kind}: ${message}`);
        if (FULL.test(message)) metFullDisk = true;
      }
    } finally {
      await snapshot.close();
    }
  } finally {
    await store.close();
  }
  return { byKind, unexplained, metFullDisk };
}

/** Whether a text of a log or an error says that a disk was full. */
export function saysFull(text: string): boolean {
  return FULL.test(text);
}

/** The part of the answer of `doctor --json` that is read here. */
interface DoctorAnswer {
  readonly findings: readonly {
    readonly level: string;
    readonly text: string;
    readonly violation?: unknown;
  }[];
}

/** The result of `doctor`: its exit code, and each violation that it names. */
export async function askDoctor(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{
  readonly code: number | null;
  readonly violations: readonly string[];
  readonly problems: readonly string[];
}> {
  const child = spawn(process.execPath, [CLI, 'doctor', ...words, '--json'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const none = { code, violations: [], problems: [] };
  // The command was killed, or gave no answer.
  if (code === null || output.trim() === '') return none;
  const { findings }: DoctorAnswer = JSON.parse(output);
  const failed = findings.filter(({ level }) => level === 'problem');
  return {
    code,
    violations: failed.filter(({ violation }) => violation !== undefined).map(({ text }) => text),
    problems: failed.map(({ text }) => text),
  };
}
