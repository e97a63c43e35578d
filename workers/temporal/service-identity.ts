import type { ConnectionLike } from '@temporalio/client';
import { hostname } from 'node:os';
import { servicePlace } from '../../db/index.js';
import type { DriverService, StorePlace } from '../../db/index.js';
import { dataFolderAt, readRunInfo } from '../settings/data-folder.js';

/** gRPC: somebody may run workflows in a namespace, and not look at it. */
const NOT_TOLD = new Set([7, 12]);

type Rows = Pick<StorePlace, 'folder' | 'database'>;

/**
 * Which Temporal service this is, by the id that it drew for the namespace when that was made. `rows` says for whom it is asked:
 * the server of a `run` is known by its data folder. Throws where the service does not answer.
 */
export async function identifyService(
  { workflowService }: Pick<ConnectionLike, 'workflowService'>,
  address: string,
  namespace: string,
  rows: Rows,
): Promise<DriverService> {
  const place = placeOf(address, namespace, rows);
  try {
    const { namespaceInfo } = await workflowService.describeNamespace({ namespace });
    return { id: namespaceInfo?.id || place, place };
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_TOLD.has(Number(error.code))) {
      return { id: place, place };
    }
    throw error;
  }
}

function placeOf(address: string, namespace: string, rows: Rows): string {
  if (readRunInfo(dataFolderAt(rows.folder))?.temporalAddress === address) return embeddedPlace(rows);
  return servicePlace({ address, namespace, host: isLoopback(address) ? hostname() : null });
}

/**
 * Where the server of a `run` is: its port is another each time, and the lock of the data folder sees to it that there is one. An
 * SQLite file goes with its folder, whatever that is called next.
 */
export function embeddedPlace({ folder, database }: Rows): string {
  const which = database === null ? '' : ` ${folder} on ${hostname()}`;
  return `the Temporal server of "panic-tda run" in the data folder${which}`;
}

function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(address);
}
