import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { splitBundle } from '../../workers/workflow-bundle.js';

interface Migration {
  /** Its name after the number: `telescopes`. */
  readonly tag: string;
  /** Statements, with `--> statement-breakpoint` between them. */
  readonly sql: string;
}

export interface Changes {
  /** Version in its package.json. */
  readonly version?: string;
  /** Changes the code of the bundle of workflows. Any changed character changes the digest of the build. */
  readonly workflows?: (code: string) => string;
  /** Migrations after those of the present program. */
  readonly migrations?: { readonly sqlite?: readonly Migration[]; readonly postgres?: readonly Migration[] };
}

/** A program with some changes to the present one, in a folder of its own. */
export interface BuiltVersion {
  readonly folder: string;
  /** Path of its `cli/main.js`, for `startPanicTda` and `panicTda`. */
  readonly main: string;
  remove(): void;
}

/**
 * Copies `dist/` of a clone to a folder from which Node finds the installed packages, and makes the changes
 * there.
 */
export function buildVersion(clone: string, changes: Changes): BuiltVersion {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'panic-tda-built-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const dist = join(folder, 'dist');
    copyProgram(join(clone, 'dist'), dist);
    symlinkSync(join(clone, 'node_modules'), join(folder, 'node_modules'));
    const { version, workflows, migrations } = changes;
    const description: object = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8'));
    const renamed = version === undefined ? description : { ...description, version };
    writeFileSync(join(folder, 'package.json'), JSON.stringify(renamed));
    if (workflows !== undefined) changeWorkflows(join(dist, 'workflows/bundle.js'), workflows);
    addMigrations(join(dist, 'db/migrations'), migrations?.sqlite ?? []);
    addMigrations(join(dist, 'db/postgres/migrations'), migrations?.postgres ?? []);
    return { folder, main: join(dist, 'cli/main.js'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Copies the program without the files that only people read. */
function copyProgram(from: string, to: string): void {
  const unused = ['bench', 'faults'].map((room) => join(from, room));
  cpSync(from, to, {
    recursive: true,
    filter: (path) => !unused.includes(path) && !/\.(js\.map|d\.ts)$/.test(path),
  });
}

function changeWorkflows(file: string, change: (code: string) => string): void {
  const { code, sourceMap } = splitBundle(readFileSync(file, 'utf8'));
  const changed = change(code);
  if (changed === code) throw new Error('the bundle of workflows has nothing of what is to be changed');
  writeFileSync(file, changed + sourceMap);
}

interface Journal {
  readonly entries: readonly {
    readonly idx: number;
    readonly version: string;
    readonly when: number;
    readonly tag: string;
    readonly breakpoints: boolean;
  }[];
}

function addMigrations(folder: string, migrations: readonly Migration[]): void {
  const file = join(folder, 'meta/_journal.json');
  const journal: Journal = JSON.parse(readFileSync(file, 'utf8'));
  const last = journal.entries.at(-1)!;
  const added = migrations.map(({ tag, sql }, position) => {
    const idx = last.idx + 1 + position;
    const name = `${String(idx).padStart(4, '0')}_${tag}`;
    writeFileSync(join(folder, `${name}.sql`), sql);
    return { ...last, idx, when: last.when + 1 + position, tag: name };
  });
  writeFileSync(file, JSON.stringify({ ...journal, entries: [...journal.entries, ...added] }));
}
