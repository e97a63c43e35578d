import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.js';
import { measureShape, type Measured } from './scale/measure.js';
import { memoryFigure } from './scale/memory-figure.js';
import { readOptions } from './scale/options.js';
import { scaleReport } from './scale/report.js';

/**
 * Runs experiments of many runs or many steps, of models that cost nothing, on a server and workers of their own, and tells what
 * an invocation takes and how that grows: `node dist/bench/scale.js --shape 5000x20 --poisoned` after `npm run build`.
 * Figures depend on the machine and on what else it does: the load is written beside them. Linux only.
 */
await runCommand(async () => {
  const options = readOptions(process.argv.slice(2));
  mkdirSync(options.out, { recursive: true });
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  const all: (Measured & { readonly loadBefore: number })[] = [];
  for (const shape of options.shapes) {
    const loadBefore = loadavg()[0]!;
    const { measured, samples } = await measureShape(shape, options);
    all.push({ ...measured, loadBefore });
    const name = `${options.experiments === 1 ? '' : `${options.experiments}-of-`}${measured.shape}`;
    const title = `${measured.shape.replace('x', ' runs x ')} steps${options.experiments === 1 ? '' : `, ${options.experiments} experiments`}`;
    writeFileSync(join(options.out, `memory-${name}.svg`), memoryFigure(title, samples));
    writeFileSync(
      join(options.out, 'scale.json'),
      `${JSON.stringify({ machine, options, measured: all }, null, 1)}\n`,
    );
    console.error(
      `${name}: ${measured.invocationsPerSecond.toFixed(0)} invocations/s, load ${loadBefore.toFixed(1)} before`,
    );
  }
  console.log(scaleReport(all));
});
