// `guard` of leftovers.mjs starts this program. It waits for the end of the process that started it, which
// ends its standard input.
import { once } from 'node:events';
import { endMarked } from './leftovers.mjs';

const [, , mark] = process.argv;
await once(process.stdin.resume(), 'close');
for (const line of await endMarked(mark)) console.error(`ended what a run of the tests left: ${line}`);
