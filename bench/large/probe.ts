/**
 * Loaded before a program (`node --import`), it writes at the program's end to the file that
 * LARGE_BENCH_PROBE names: CPU time, memory, and the longest time in which the event loop took no turn.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';
import type { Use } from './use.js';

const RESOLUTION_MS = 5;

const file = process.env['LARGE_BENCH_PROBE'];
// Threads of the program load this file as well.
if (file !== undefined && isMainThread) {
  const startedAt = performance.now();
  const before = process.memoryUsage.rss();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    const use: Use = {
      wallMs: performance.now() - startedAt,
      cpuMs: (user + system) / 1000,
      holdMs: Math.max(0, delay.max / 1e6 - RESOLUTION_MS),
      rssMiB: process.resourceUsage().maxRSS / 1024 - before / 2 ** 20,
    };
    writeFileSync(file, JSON.stringify(use));
  });
}
