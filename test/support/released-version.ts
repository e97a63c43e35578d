import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { statIfThere } from '../../common/presence.js';
import { repositoryPath } from './child-processes.js';
import { z } from 'zod';
import { readJson, readJsonFile } from './json.js';
import { packageVersion } from './package-file.js';

const Texts = z.record(z.string(), z.string());

/** What `npm run record-release` stores of a released version, besides its program. */
const Release = z.object({
  version: z.string(),
  /** The day of its release: `2026-11-29`. */
  recorded: z.string(),
  /** SHA-256 of its workflow code. */
  workflows: z.string(),
  /** Migrations with the SHA-256 of their SQL, in their order. */
  migrations: z.object({ sqlite: Texts, postgres: Texts }),
  /** Versions of the packages that it was built with. */
  packages: Texts,
});
export type Release = z.output<typeof Release>;

/** A released program in a folder of its own. */
export interface ReleasedVersion {
  readonly folder: string;
  /** Path of its `cli/main.js`, for `startPanicTda` and `panicTda`. */
  readonly main: string;
  remove(): void;
}

const RELEASES = repositoryPath('test/releases');

/** Every released version, the oldest first. */
export const releases: readonly Release[] = readdirSync(RELEASES)
  .toSorted(byVersion)
  .map((version) => readJsonFile(join(RELEASES, version, 'release.json'), Release));

/** Compares versions: 0.9.0 is before 0.10.0. */
export function byVersion(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

/** The workflow code of a release. */
export function releasedWorkflows(version: string, releasesFolder = RELEASES): string {
  return brotliDecompressSync(readFileSync(join(releasesFolder, version, 'workflows.js.br'))).toString(
    'utf8',
  );
}

/** The source map that the SDK requires after workflow code, for code without one. */
const NO_SOURCE_MAP = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(
  JSON.stringify({ version: 3, file: 'bundle.js', sources: [], names: [], mappings: '' }),
).toString('base64')}`;

/** The released workflow code, in the form of the bundle that a worker loads. */
export function releasedBundle(version: string, releasesFolder = RELEASES): string {
  return `${releasedWorkflows(version, releasesFolder)}${NO_SOURCE_MAP}`;
}

/**
 * Why a release cannot be started here: the installed packages differ too much from those that it was built
 * with. Null if it can. A test reports it: `(reason === null ? test : test.skip)(...)`, with the reason in
 * its title.
 */
export function whyNotStarted({ version, packages }: Release): string | null {
  const other = Object.entries(packages).flatMap(([name, wanted]) => {
    const installed = installedVersion(name);
    // An optional package that is not installed is also missing for the present version.
    return installed === null || isCompatible(wanted, installed)
      ? []
      : [`${name} ${wanted} (${installed} is installed)`];
  });
  return other.length === 0
    ? null
    : `panic-tda ${version} cannot be started here: it needs ${other.join(', ')}`;
}

function installedVersion(name: string): string | null {
  const file = repositoryPath(`node_modules/${name}/package.json`);
  if (statIfThere(file) === undefined) return null;
  return packageVersion(name);
}

/** By the rule of semantic versions: the same major version; before 1.0.0, the same minor version. */
export function isCompatible(wanted: string, installed: string): boolean {
  return significantPart(wanted) === significantPart(installed);
}

function significantPart(version: string): string {
  return /^(0\.\d+|\d+)/.exec(version)?.[0] ?? version;
}

/**
 * Writes a released program to a folder from which Node finds the installed packages. It has no weights of
 * models.
 */
export function releasedVersion(version: string, releasesFolder = RELEASES): ReleasedVersion {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'panic-tda-released-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const packed = brotliDecompressSync(readFileSync(join(releasesFolder, version, 'program.json.br')));
    const files = readJson(packed.toString('utf8'), Texts);
    for (const [path, text] of Object.entries(files)) write(join(folder, path), Buffer.from(text, 'latin1'));
    write(join(folder, 'dist/workflows/bundle.js'), releasedBundle(version, releasesFolder));
    symlinkSync(repositoryPath('node_modules'), join(folder, 'node_modules'));
    return { folder, main: join(folder, 'dist/cli/main.js'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function write(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
