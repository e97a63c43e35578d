import { expect, test } from '@jest/globals';
import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { folderWith, panicTda, runInfo, startPanicTda, until } from '../support/cli-process.js';
import { runJson } from '../support/standing-program.js';
import { ListDocument } from '../support/documents.js';

export const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a quiet harbour'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 6,
};

/**
 * Lists the folder and its contents where the mode is none of these, as "path mode". Names that vanish
 * meanwhile are left out.
 */
export function otherModes(
  root: string,
  modes: { readonly folder: number; readonly file: number },
): string[] {
  const paths = [root, ...readdirSync(root, { recursive: true }).map((name) => join(root, String(name)))];
  return paths.flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return [];
    const mode = found.mode & 0o777;
    const wanted = found.isDirectory() ? modes.folder : modes.file;
    return mode === wanted ? [] : [`${relative(root, path)} ${mode.toString(8)}`];
  });
}

export const PRIVATE = { folder: 0o700, file: 0o600 };
export const SHARED = { folder: 0o750, file: 0o640 };

/** Makes a test under this mask. The caller restores the mask after each test. */
export function testUmask(mask: number): void {
  test(`with the umask 0o${mask.toString(8)}, what run, merge and delete make is closed to other users, also while it is used`, async () => {
    process.umask(mask);
    const gated = { ...EXPERIMENT, networks: [['DummyT2I', 'GatedI2T']] };
    const folder = folderWith({ 'gated.json': gated });
    const gate = join(folder, 'gate');
    const a = join(folder, 'new', 'a');
    const running = startPanicTda(folder, ['run', 'gated.json', '--data', 'new/a'], { GATED_I2T_GATE: gate });
    await until(
      () => runInfo(a)?.workerPids?.length === 2,
      () => running.stderr(),
    );
    expect(otherModes(a, PRIVATE)).toEqual([]);
    writeFileSync(gate, '');
    expect((await running.ended).code).toBe(0);
    expect(otherModes(join(folder, 'new'), PRIVATE)).toEqual([]);

    expect((await panicTda(folder, ['merge', 'new/a', '--data', 'new/b'])).code).toBe(0);
    const { id } = ListDocument.parse(await runJson(folder, ['list', '--data', 'new/b']))[0]!;
    expect((await panicTda(folder, ['delete', id, '--yes', '--compact', '--data', 'new/b'])).code).toBe(0);
    expect(otherModes(join(folder, 'new'), PRIVATE)).toEqual([]);
  });
}
