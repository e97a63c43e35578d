import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Files that a stranger may put into the data folder `sent` of a place. The user has a file `precious.txt`
 * beside the data folder.
 */

/** Files that every writing command makes. */
export const LEFT_BY_RUN = ['run.lock', 'workers.lock', 'panic-tda.sqlite.migrate-lock'];
/** Files that a server or a worker makes first. */
export const LEFT_BY_SERVER = ['temporal/temporal.sqlite', 'logs/worker-gpu.log'];
export const LEFT_BY_SERVER_BY_NIGHT = [
  'temporal/temporal.sqlite.lock',
  'temporal/temporal.sqlite.cli-version',
  'temporal/temporal.sqlite.server.json',
  'logs/temporal-server.log',
];

/** Puts a link to the user's file in the place of a file of the data folder. */
export function putLink(place: string, name: string): void {
  const sent = join(place, 'sent');
  rmSync(join(sent, name), { force: true });
  mkdirSync(join(sent, name, '..'), { recursive: true });
  symlinkSync(join(place, 'precious.txt'), join(sent, name));
}

/**
 * Puts a pipe in the place of a file beside the state of the Temporal server, and writes an experiment that
 * starts one.
 */
export function putPipe(place: string, ending: string): void {
  const folder = join(place, 'sent', 'temporal');
  mkdirSync(folder);
  // The state is empty, so that the program looks up the version that wrote it.
  writeFileSync(join(folder, 'temporal.sqlite'), '');
  spawnSync('mkfifo', [join(folder, `temporal.sqlite.${ending}`)]);
  writeExperiment(place);
}

/** Writes an experiment that starts a server and workers. */
export function writeExperiment(place: string): void {
  writeFileSync(
    join(place, 'experiment.json'),
    JSON.stringify({
      networks: [['DummyT2I', 'DummyI2T']],
      prompts: ['a'],
      seeds: [1],
      embedding_models: ['Dummy'],
      max_length: 2,
    }),
  );
}
