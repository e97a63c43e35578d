import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { basename, dirname } from 'node:path';
import { runCommand } from './common/command.js';
import { ourVersion } from './common/machine.js';
import { keepEntry, memoryOverTime, predictedMinutes, readEntries, type Entry } from './scale/entries.js';
import { measureShape } from './scale/measure.js';
import { memoryFigure } from './scale/memory-figure.js';
import { readOptions } from './scale/options.js';
import { scalePage } from './scale/page.js';

/**
 * Runs experiments of many runs or many steps, with models that cost nothing, on SQLite and on Postgres, each
 * with its own server and workers. Reports the cost of an invocation, how the cost grows, and how long a
 * killed worker is missed: `node dist/bench/scale.js --all` after `npm run build`. Without options it prints
 * its usage. Figures depend on the machine and on its other work: the load is written beside them. Linux
 * only.
 */
await runCommand(async () => {
  const { series, stores, concurrency, longestMinutes, out } = readOptions(process.argv.slice(2));
  mkdirSync(dirname(out), { recursive: true });
  const beside = (ending: string): string => out.replace(/\.md$/, ending);
  const machine = [
    `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${ourVersion()}, Node.js ${process.versions.node}`,
    new Date().toISOString().slice(0, 10),
  ].join('; ');
  for (const one of series) {
    for (const shape of one.shapes) {
      for (const store of stores) {
        const { name, invocations } = shape;
        const minutes = predictedMinutes(readEntries(beside('.json')), {
          series: one.name,
          store,
          invocations,
        });
        if (minutes !== null && minutes > longestMinutes) {
          console.error(
            `${one.name} ${name} ${store}: left out, it would take about ${minutes.toFixed(0)} min (--longest ${longestMinutes})`,
          );
          continue;
        }
        const loadBefore = loadavg()[0]!;
        console.error(`${one.name} ${name} ${store}: load ${loadBefore.toFixed(1)} before`);
        const { measured, samples } = await measureShape(shape, one, store, concurrency);
        const entry: Entry = {
          series: one.name,
          shape: name,
          invocations,
          store,
          concurrency,
          machine,
          loadBefore,
          measured,
          memory: memoryOverTime(samples),
        };
        const entries = keepEntry(beside('.json'), entry);
        writeFileSync(out, scalePage(entries, basename(beside('.svg'))));
        writeFileSync(beside('.svg'), memoryFigure(entries));
        const { invocationsPerSecond, wallSeconds } = measured;
        console.error(
          `  ${measured.invocations} invocations, ${invocationsPerSecond.toFixed(0)}/s, ${wallSeconds.toFixed(0)} s`,
        );
      }
    }
  }
  console.error(`wrote ${out}, ${beside('.svg')} and ${beside('.json')}`);
});
