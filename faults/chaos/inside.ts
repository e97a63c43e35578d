import { quietAwsSdk } from '../../workers/settings/object-service.js';
import { CommandError } from '../../bench/common/command.js';
import { endTheOthers, endWithOutside } from '../common/namespaces.js';
import { planRound } from './plan.js';
import { describeRound, repeatCommand, roundLine, summary, type RoundResult } from './report.js';
import { runRound } from './round.js';
import { VERDICT, type InsideSettings } from './settings.js';

/**
 * The part of `npm run chaos` that is the first process of its own namespaces (PIDs, mounts). When it ends,
 * however it ends, the kernel ends every process and removes every mount that it made.
 */

const settings: InsideSettings = JSON.parse(process.argv[2] ?? '');
const results: RoundResult[] = [];
/** How many wrong findings of a round are printed. */
const MOST_SHOWN = 20;

quietAwsSdk();
endWithOutside(() => end(1));
let failed = false;
try {
  await main();
} catch (error) {
  console.error(error instanceof CommandError ? error.message : error);
  failed = true;
}
end(failed ? 1 : 0);

async function main(): Promise<void> {
  const { seed, minutes, first, rounds } = settings.options;
  const deadline = performance.now() + 60_000 * minutes;
  for (let round = first; round < first + rounds && performance.now() < deadline; round++) {
    const plan = planRound(seed, round);
    say(describeRound(plan));
    const result = await runRound(plan, settings, say);
    results.push(result);
    console.log(roundLine(result));
    for (const sentence of result.wrong.slice(0, MOST_SHOWN)) console.log(`  WRONG: ${sentence}`);
    const more = result.wrong.length - MOST_SHOWN;
    if (more > 0) console.log(`  WRONG: and ${more} more; ${VERDICT} in its folder has all of them`);
    for (const sentence of result.retried) console.log(`  retried: ${sentence}`);
    if (result.wrong.length > 0) console.log(`  again: ${repeatCommand(plan)}`);
    if (result.wrong.length > 0) failed = true;
  }
}

function say(line: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)}  ${line}`);
}

function end(code: number): never {
  endTheOthers();
  if (results.length > 0) console.log(`\n${summary(results)}`);
  process.exit(code);
}
