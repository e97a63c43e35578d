import { statfs } from 'node:fs/promises';
import type { Store } from '../../db/index.js';
import type { DeploymentVersion } from '../temporal/worker-deployment.js';
import type { Gauges } from './gauges.js';
import type { Readiness } from './readiness.js';

export interface Build {
  /** The version of the package. */
  readonly version: string;
  readonly deployment: DeploymentVersion | null;
  readonly bundleSha256: string;
}

/** Gauges that say which code this process runs. */
export function buildGauges({ version, deployment, bundleSha256 }: Build): Gauges {
  const labels = {
    version,
    deployment: deployment?.deploymentName ?? '',
    build_id: deployment?.buildId ?? '',
    bundle: bundleSha256.slice(0, 12),
    node: process.versions.node,
  };
  return {
    source: 'build',
    read: async () => [
      {
        name: 'panic_tda_build_info',
        help: 'The code of this worker: 1',
        samples: [{ labels, value: 1 }],
      },
      {
        name: 'process_start_time_seconds',
        help: 'When this process started, by its clock',
        samples: [{ value: performance.timeOrigin / 1000 }],
      },
      {
        name: 'process_resident_memory_bytes',
        help: 'Memory of this process, without those of its models',
        samples: [{ value: process.memoryUsage.rss() }],
      },
    ],
  };
}

/**
 * Gauges of what `/ready` says. Remarks are a source of their own, so that the answer to whether the worker
 * can work does not wait for them.
 */
export function readyGauges(readiness: () => Readiness): readonly Gauges[] {
  return [
    {
      source: 'readiness',
      async read() {
        const problems = await readiness().problems();
        return [
          {
            name: 'panic_tda_ready',
            help: '1 where this worker can do work, as /ready says it',
            samples: [{ value: problems.length === 0 ? 1 : 0 }],
          },
          {
            name: 'panic_tda_ready_problems',
            help: 'Problems that keep this worker from work; /ready has their sentences',
            samples: [{ value: problems.length }],
          },
        ];
      },
    },
    {
      source: 'remarks',
      async read() {
        const remarks = await readiness().remarks();
        return [
          {
            name: 'panic_tda_ready_remarks',
            help: 'Remarks of /ready, which keep this worker from no work',
            samples: [{ value: remarks.length }],
          },
        ];
      },
    },
  ];
}

/** Gauges of the disk of the data folder. */
export function diskGauges(folder: string): Gauges {
  return {
    source: 'disk',
    async read() {
      const { bavail, blocks, bsize } = await statfs(folder);
      return [
        {
          name: 'panic_tda_disk_free_bytes',
          help: 'Room that this user has left on the disk of the data folder',
          samples: [{ value: bavail * bsize }],
        },
        {
          name: 'panic_tda_disk_size_bytes',
          help: 'Size of the disk of the data folder',
          samples: [{ value: blocks * bsize }],
        },
      ];
    },
  };
}

/** Gauges of the database as this process sees it. Only Postgres gives the process connections of its own. */
export function databaseGauges({ db }: Pick<Store, 'db'>): Gauges {
  return {
    source: 'database',
    async read() {
      const known = {
        name: 'panic_tda_known_migrations',
        help: 'Migrations of the database that this worker knows',
        samples: [{ value: db.tables.known }],
      };
      const connections = db.connections();
      if (connections === null) return [known];
      const { inUse, idle, waiting, most } = connections;
      return [
        known,
        {
          name: 'panic_tda_database_connections',
          help: 'Connections of this worker to the database',
          samples: [
            { labels: { state: 'in_use' }, value: inUse },
            { labels: { state: 'idle' }, value: idle },
          ],
        },
        {
          name: 'panic_tda_database_connections_max',
          help: 'Connections that this worker may have at once',
          samples: [{ value: most }],
        },
        {
          name: 'panic_tda_database_waiting',
          help: 'Calls of this worker that wait for a connection to the database',
          samples: [{ value: waiting }],
        },
      ];
    },
  };
}
