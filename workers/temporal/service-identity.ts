import type { ConnectionLike } from '@temporalio/client';
import { hostname } from 'node:os';
import { serviceAt } from '../../db/index.js';
import type { DriverService, ServicePlace, StorePlace } from '../../db/index.js';
import { dataFolderAt, readRunInfo } from '../settings/data-folder.js';

/** gRPC codes of a service that lets this process run workflows in a namespace, and not look at it. */
const NOT_TOLD = new Set([7, 12]);

type Rows = Pick<StorePlace, 'folder' | 'database'>;

/**
 * Identifies a Temporal service by the id that it gave the namespace when it made it. `rows` are the rows for
 * which we ask: the server of a `run` is known by its data folder. Throws if the service does not answer.
 */
export async function identifyService(
  { workflowService }: Pick<ConnectionLike, 'workflowService'>,
  address: string,
  namespace: string,
  rows: Rows,
): Promise<DriverService> {
  const where = placeOf(address, namespace, rows);
  try {
    const { namespaceInfo } = await workflowService.describeNamespace({ namespace });
    return serviceAt(where, namespaceInfo?.id || null);
  } catch (error) {
    if (error instanceof Error && 'code' in error && NOT_TOLD.has(Number(error.code))) {
      return serviceAt(where, null);
    }
    throw error;
  }
}

function placeOf(address: string, namespace: string, rows: Rows): ServicePlace {
  if (readRunInfo(dataFolderAt(rows.folder))?.temporalAddress === address) return embeddedPlace(rows);
  return { kind: 'service', address, namespace, machine: isLoopback(address) ? hostname() : null };
}

/**
 * Names the server of a `run` by its data folder: its port changes each time, and the lock of the data folder
 * allows one only. With SQLite the folder counts as well, since its file moves with it.
 */
export function embeddedPlace({ folder, database }: Rows): ServicePlace {
  return database === null
    ? { kind: 'embedded', folder: null, machine: null }
    : { kind: 'embedded', folder, machine: hostname() };
}

function isLoopback(address: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(address);
}
