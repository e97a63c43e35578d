import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StorePlace } from '../../db/index.js';
import { endingOf } from '../common/keeper.js';
import { mountSmallDisk, type SmallDisk } from './disks.js';
import { launchCli } from './programs.js';
import { createObserver, type Standing } from './standing.js';

/** How the experiments of a round end without faults. */
export interface Undisturbed {
  readonly place: StorePlace;
  readonly invocations: number;
  /** By experiment. */
  readonly standings: ReadonlyMap<string, Standing>;
  /** The disk of its data folder. */
  readonly disk: SmallDisk;
}

const DISK_MIB = 256;

/**
 * Runs the experiments one after the other with `panic-tda run`, in a data folder of their own. Throws if one
 * does not end.
 */
export async function runUndisturbed(
  experiments: readonly { readonly id: string; readonly file: string }[],
  options: {
    readonly folder: string;
    readonly logs: string;
    readonly mounts: boolean;
    readonly env: Readonly<Record<string, string>>;
  },
): Promise<Undisturbed> {
  // In memory, like the disturbed run, since the round waits for it.
  const disk = mountSmallDisk(options.folder, options.mounts ? DISK_MIB : null);
  const data = join(disk.folder, 'data');
  mkdirSync(data);
  const place: StorePlace = { folder: data, database: null, objects: null };
  const observer = createObserver(place);
  try {
    const standings = new Map<string, Standing>();
    for (const { id, file } of experiments) {
      const child = launchCli(['run', file, '--data', data, '--json'], {
        env: options.env,
        logFile: join(options.logs, 'undisturbed.log'),
      });
      const ending = await endingOf(child, Infinity);
      const standing = await observer.standing(id);
      if (
        standing === null ||
        standing.open + standing.cancelled > 0 ||
        ![0, 1].includes(ending?.code ?? -1)
      ) {
        throw new Error(`the undisturbed run of ${id} ended with ${ending?.signal ?? ending?.code}`);
      }
      standings.set(id, standing);
    }
    return { place, invocations: await observer.invocations(), standings, disk };
  } finally {
    await observer.close();
  }
}
