import { PanicError } from '../../common/errors.js';
import type { Model } from '../../experiment/model.js';
import { hubRepository, isPackaged, pullModels } from '../../models/index.js';
import type { PullOutcome, PullProgress } from '../../models/index.js';
import { hubAccess } from '../../workers/settings/hub-access.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { findModel } from '../lookup/find-model.js';
import { bytes, timeLeft } from '../terminal/format.js';
import { onInterrupt } from '../terminal/interruption.js';
import { bar, liveProgress } from '../terminal/live-display.js';
import { note, print, printJson } from '../terminal/output.js';

/** `models pull NAME...`: gets the files of models from their hub and writes the lock file. */
export async function pullFiles(context: Context, names: readonly string[]): Promise<number> {
  const models = [...new Set(names)].map((name) => findModel(context, name));
  for (const model of models) {
    if (hubRepository(model) === null || model.weights === null) {
      throw new PanicError('InvalidInput', `${model.name} cannot be pulled: ${whyNot(model)}`);
    }
  }
  const hub = hubAccess();
  const { modelsFolder } = context.environment;
  const interruption = onInterrupt();
  const pace = paceMeter();
  const display = liveProgress<PullProgress>({
    silent: context.json,
    bars: (progress) => bars(progress, pace(progress)),
    line: (progress) => `${progress.model} ${progress.file}: ${figures(progress, pace(progress))}`,
  });
  try {
    const outcomes = await pullModels(models, {
      modelsFolder,
      hub,
      signal: interruption.signal,
      onProgress: (progress) => display.show(progress),
      onNotice: note,
    }).finally(() => display.done());
    tell(context, outcomes);
    return outcomes.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
  } catch (error) {
    const code = interruption.exitCode();
    if (code === null) throw error;
    note(
      `Stopped. What has come stays; "${context.command('models', 'pull', ...names)}" goes on from there.`,
    );
    return code;
  } finally {
    interruption.end();
  }
}

function whyNot(model: Model): string {
  if (model.weights === null) return 'it needs no files';
  return isPackaged(model) ? 'its files are part of panic-tda' : `its files are in ${model.source}`;
}

function tell({ json }: Context, outcomes: readonly PullOutcome[]): void {
  if (json) {
    printJson(
      outcomes.map((outcome) =>
        outcome.ok
          ? { ok: true, ...outcome.model }
          : { ok: false, name: outcome.name, error: outcome.error.message },
      ),
    );
  }
  for (const outcome of outcomes) {
    if (!outcome.ok) note(`${outcome.name}: ${outcome.error.message}`);
    else if (!json) {
      const { name, folder, commit, components, downloadedBytes, files } = outcome.model;
      const came = downloadedBytes === 0 ? 'everything was there' : `${bytes(downloadedBytes)} downloaded`;
      print(`${name}: ${files.length} files verified, ${came}\n  ${folder}\n  commit ${commit}`);
      for (const part of components) print(`  ${part.source} commit ${part.commit}`);
    }
  }
}

interface Pace {
  readonly perSecond: number;
  readonly etaMs: number | null;
}

/** Bytes a second over about the last ten seconds, and the time left at that pace. */
function paceMeter(): (progress: PullProgress) => Pace {
  const samples: { at: number; made: number }[] = [];
  return ({ bytes: made, bytesExpected }) => {
    const at = performance.now();
    samples.push({ at, made });
    while (samples.length > 2 && at - samples[0]!.at > 10_000) samples.shift();
    const first = samples[0]!;
    const perSecond = at > first.at ? Math.max(0, (1000 * (made - first.made)) / (at - first.at)) : 0;
    const left = bytesExpected - made;
    return { perSecond, etaMs: left > 0 && perSecond > 0 ? (1000 * left) / perSecond : null };
  };
}

function bars(progress: PullProgress, pace: Pace): string {
  const { model, file, fileBytes, fileBytesExpected } = progress;
  return [
    `${model} ${file}  ${bytes(fileBytes)} of ${bytes(fileBytesExpected)}`,
    `all  ${bar(progress.bytes, progress.bytesExpected)}  ${figures(progress, pace)}`,
  ].join('\n');
}

function figures({ bytes: made, bytesExpected }: PullProgress, { perSecond, etaMs }: Pace): string {
  const at = perSecond === 0 ? '' : `, ${bytes(perSecond)}/s`;
  return `${bytes(made)} of ${bytes(bytesExpected)}${at}${etaMs === null ? '' : `, ${timeLeft(etaMs)}`}`;
}
