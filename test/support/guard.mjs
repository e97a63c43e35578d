// Started by `guard` of leftovers.mjs: waits for the end of the process that started it, which is the end of its standard input.
import { endMarked } from './leftovers.mjs';

const [, , mark] = process.argv;
process.stdin.resume().once('close', async () => {
  for (const line of await endMarked(mark)) console.error(`ended what a run of the tests left: ${line}`);
  process.exit();
});
