import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { StorePlace } from '../../db/index.js';
import {
  bytesIn,
  invocationsIn,
  panicTda,
  readManifest,
  requireEqual,
  runToAThird,
  startLoad,
  timed,
} from './steps.js';
import type { Proof } from './steps.js';

/**
 * Copies a data folder while an experiment writes to it. Restores it elsewhere, checks it, and runs the
 * experiment to its end.
 */
export async function proveSqlite(proof: Proof): Promise<void> {
  const { folder, say, id } = proof;
  const [data, backup, restored] = ['data', 'backup', 'restored'].map((name) => join(folder, name));
  await runToAThird(proof, at(data!));
  const load = await startLoad(proof, at(data!));
  try {
    for (const what of ['backup, beside a run', 'backup again, of what is new']) {
      await timed(say, what, () => panicTda(proof, ['backup', backup!, '--data', data!]));
      await load.requireBeyond(await invocationsIn(at(backup!), load.id));
    }
  } finally {
    await load.stop();
  }
  const { invocations, objects } = readManifest(backup!);
  say(`  ${invocations} invocations, ${objects} pictures, ${bytesIn(backup!)} bytes`);
  cpSync(backup!, restored!, { recursive: true });
  await timed(say, 'doctor --deep of the restored folder', () =>
    panicTda(proof, ['doctor', '--deep', '--data', restored!]),
  );
  await timed(say, 'resume', () => panicTda(proof, ['resume', id, '--data', restored!]));
  await requireEqual(proof, at(restored!), 'the restored folder');
  await timed(say, 'resume of what was copied', () => panicTda(proof, ['resume', id, '--data', data!]));
  await requireEqual(proof, at(data!), 'the folder that was copied');
}

function at(folder: string): StorePlace {
  return { folder, database: null };
}
