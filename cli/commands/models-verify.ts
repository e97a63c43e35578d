import type { Model } from '../../experiment/model.js';
import {
  isNeural,
  isPackaged,
  PACKAGED_REMEDY,
  readinessOf,
  readLock,
  verifyModel,
} from '../../models/index.js';
import type { Verification } from '../../models/index.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { findModel } from '../lookup/find-model.js';
import { bytes, table } from '../terminal/format.js';
import { onInterrupt } from '../terminal/interruption.js';
import { bar, liveProgress } from '../terminal/live-display.js';
import { note, print, printJson } from '../terminal/output.js';

interface HashProgress {
  readonly model: string;
  readonly file: string;
  readonly done: number;
  readonly of: number;
}

/**
 * `models verify [NAME...]`: hashes files and compares them with the lock file. Without names it verifies all
 * models that have files.
 */
export async function verifyFiles(context: Context, names: readonly string[]): Promise<number> {
  const { modelsFolder } = context.environment;
  const models =
    names.length === 0
      ? modelsOnThisMachine(context)
      : [...new Set(names)].map((name) => findModel(context, name));
  const interruption = onInterrupt();
  const display = liveProgress<HashProgress>({
    silent: context.json,
    bars: ({ model, file, done, of }) => `${model} ${file}  ${bar(done, of)}  ${bytes(done)} of ${bytes(of)}`,
    line: ({ model, file, done, of }) => `${model} ${file}: ${bytes(done)} of ${bytes(of)}`,
  });
  const verified: Verification[] = [];
  try {
    for (const model of models.filter(isNeural)) {
      const onBytes = (file: string, done: number, of: number): void =>
        display.show({ model: model.name, file, done, of });
      verified.push(await verifyModel(model, modelsFolder, { onBytes, signal: interruption.signal }));
    }
  } catch (error) {
    const code = interruption.exitCode();
    if (code === null) throw error;
    return code;
  } finally {
    display.done();
    interruption.end();
  }
  if (context.json) printJson(verified);
  else tell(context, verified);
  return verified.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
}

function modelsOnThisMachine({ catalogue, environment }: Context): Model[] {
  const { modelsFolder } = environment;
  const lock = readLock(modelsFolder);
  return [...catalogue.values()].filter((model) => {
    const { state } = readinessOf(model, modelsFolder, lock);
    return state !== 'built-in' && (state !== 'missing' || Object.hasOwn(lock.models, model.name));
  });
}

function tell(context: Context, verified: readonly Verification[]): void {
  if (verified.length === 0) note('No model has files on this machine.');
  for (const { name, folder, ok, added, files } of verified) {
    print(`${name}  ${folder}`);
    print(table(files.map(({ path, state, sha256 }) => [`  ${STATES[state]}`, path, sha256 ?? ''])));
    const wrong = files.filter(({ state }) => state === 'changed' || state === 'missing').length;
    if (!ok) print(`  ${wrong} of ${files.length} are not as they should be: ${remedy(context, name)}`);
    else if (files.some(({ state }) => state === 'new')) {
      print(
        '  Nothing was known of the new ones: they are trusted as they are, and compared with this from now on.',
      );
    } else if (added) print('  They are what the catalogue says, and in the lock file now.');
  }
}

const STATES = { ok: 'ok', changed: 'CHANGED', missing: 'MISSING', new: 'new' } as const;

function remedy({ command, catalogue }: Context, name: string): string {
  const model = catalogue.get(name);
  if (model !== undefined && isPackaged(model)) return PACKAGED_REMEDY;
  return model?.source.startsWith('hub:')
    ? `"${command('models', 'pull', name)}" gets them again.`
    : `put the right ones back; or "${command('models', 'remove', name)}" forgets them (your files stay) and verify takes the new ones.`;
}
