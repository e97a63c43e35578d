import { join } from 'node:path';
import { isPanicError } from '../common/errors.js';
import type { FitReport, FitTask } from './files-fit.js';
import { openModelFiles } from './files/model-files.js';
import { stampAt } from './files/stamp.js';
import { UNOPENED } from './loaded-model.js';
import { loadModel } from './loaders.js';
import { NothingComputes } from './onnx/session.js';

/** What a loader finds wrong with a model's folder without opening a graph; null where it finds nothing. */
async function reportOf({ model, folder, files }: FitTask[number]): Promise<FitReport> {
  try {
    const stamped = files.map((file) => ({ ...file, stamp: stampAt(join(folder, file.path)) }));
    await loadModel({ model, files: openModelFiles(model, { folder, files: stamped }), device: UNOPENED });
    return null;
  } catch (error) {
    if (error instanceof NothingComputes) return null;
    if (isPanicError(error, 'InvalidInput') || isPanicError(error, 'ModelFilesMissing')) return error.message;
    throw error;
  }
}

function told(report: FitReport): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(report, () => resolve());
  });
}

process.once('message', (task: FitTask) => {
  void (async () => {
    for (const one of task) await told(await reportOf(one));
    process.exit();
  })();
});
process.on('disconnect', () => process.exit());
