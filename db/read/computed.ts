import { eq, inArray } from 'drizzle-orm';
import type { Fingerprint } from '../../experiment/provenance.js';
import type { ModelSettings } from '../../experiment/model.js';
import type { Database } from '../connection/database.js';
import { artifacts, hosts, invocations, models, runs } from '../schema.js';
import { all } from '../connection/work.js';
import { openReader } from './experiment-reader.js';
import { queryRunner } from './query.js';
import { missingModel } from './rows.js';
import { stepTotals } from './totals.js';

/** A stored model call by its row, and the name of its model. */
export interface ComputedId {
  readonly id: number;
  readonly model: string;
}

const SELECTED = ['id', 'model.name'] as const;

// SQLite accepts 32,766 parameters per statement.
const CHUNK = 10_000;

/** A stored model call with everything that decided its output. */
export type ComputedInvocation = Awaited<ReturnType<ReturnType<typeof computedQueries>['get']>>[number];

/** Invocations that a model computed, without those that were copied or filled from a cycle. */
export function computedQueries(db: Database) {
  const { build, read } = db;
  const { only } = queryRunner(db);

  async function count(experimentId: string): Promise<number> {
    const query = stepTotals(
      { experiment: experimentId, only: { source: 'computed' } },
      { computed: { over: 'rows' } },
    );
    return (await read(() => only(query))).computed;
  }

  /**
   * The ids of these invocations, in the order run, sequence. The generator reads them one by one, as they
   * were at the first.
   */
  async function* ids(experimentId: string): AsyncGenerator<ComputedId, void, undefined> {
    const reader = await openReader(db);
    try {
      for await (const step of reader.stepsOfExperiment(experimentId, 'computed', SELECTED)) {
        const { id, 'model.name': model } = step;
        if (model === null) throw missingModel();
        yield { id, model };
      }
    } finally {
      await reader.close();
    }
  }

  /**
   * The invocations with these ids, in the order model, run, sequence: so the caller needs each model only
   * once.
   */
  async function get(wanted: readonly number[]) {
    const rows = [];
    for (let from = 0; from < wanted.length; from += CHUNK)
      rows.push(...(await chunk(wanted.slice(from, from + CHUNK))));
    return rows.sort((a, b) => a.modelId - b.modelId || a.run - b.run || a.sequence - b.sequence);
  }

  async function chunk(wanted: readonly number[]) {
    const query = build
      .select({
        modelId: models.id,
        run: runs.runIndex,
        sequence: invocations.sequence,
        seed: invocations.seed,
        inputId: invocations.inputId,
        outputId: invocations.outputId,
        sha256: artifacts.sha256,
        batchSize: invocations.batchSize,
        model: {
          name: models.name,
          source: models.source,
          revision: models.revision,
          settings: models.settings,
        },
        fingerprint: hosts.fingerprint,
      })
      .from(invocations)
      .innerJoin(runs, eq(runs.id, invocations.runId))
      .innerJoin(models, eq(models.id, invocations.modelId))
      .innerJoin(artifacts, eq(artifacts.id, invocations.outputId))
      .innerJoin(hosts, eq(hosts.id, invocations.hostId))
      .where(inArray(invocations.id, [...wanted]));
    const rows = await read(() => all(query));
    return rows.map(({ fingerprint: json, model, ...row }) => {
      const settings: ModelSettings = JSON.parse(model.settings);
      const fingerprint: Fingerprint = JSON.parse(json);
      return { ...row, model: { ...model, settings }, fingerprint };
    });
  }

  return { count, ids, get };
}
