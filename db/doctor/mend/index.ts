import { assertNever, errorMessage } from '../../../common/errors.js';
import type { Catalogue } from '../../../experiment/model.js';
import type { BarMeasures } from '../../../experiment/statistics.js';
import type { Store } from '../../store.js';
import type { Repair } from '../repair.js';
import type { StatisticsCode } from '../run-statistics.js';
import { givesUpSteps } from '../repair.js';
import { contentRepairs } from './content.js';
import type { Generate } from './content.js';
import { restoreDatabaseRow } from './database-row.js';
import { derivedRows } from './derived.js';
import { DONE, impossible } from './outcome.js';
import type { Outcome } from './outcome.js';
import type { RepairPlan } from './repair-plan.js';
import { runRepairs } from './runs.js';
import { restoreSchema, rewriteArtifacts } from './schema.js';
import { stepRepairs } from './steps.js';

export interface Means {
  readonly catalogue: Catalogue;
  readonly generate: Generate;
  readonly measures: BarMeasures;
  readonly statistics: Pick<StatisticsCode, 'store'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface MendOptions {
  /** Whether to make the repairs that give up steps too. */
  readonly cutBack: boolean;
  readonly onDone?: (repair: Repair) => void;
  /** Called with each repair that could not be made, and the reason. */
  readonly onFailure: (repair: Repair, why: string) => void;
}

/** The number of repairs in one transaction, at most. */
const BATCH = 200;

/**
 * Makes the repairs of a plan, first those that other repairs build on. No other process may use the store.
 * Each repair is a transaction of its own or shares one with repairs of its kind: so each repair is whole or
 * not made at all, wherever the process ends. Returns the number of repairs that were made.
 */
export async function mend(
  store: Store,
  plan: RepairPlan,
  means: Means,
  options: MendOptions,
): Promise<number> {
  const repairs = createRepairs(store, means, options.cutBack);
  let made = 0;
  for (;;) {
    const batch = plan.take(BATCH, options.cutBack);
    const [first] = batch;
    if (first === undefined) return made;
    for (const { repair, outcome } of await attempted(batch, repairs)) {
      let canCutBack = false;
      for await (const following of outcome.next ?? []) {
        plan.add(following);
        canCutBack ||= givesUpSteps(following);
      }
      if (outcome.done) {
        made++;
        options.onDone?.(repair);
      } else if (!canCutBack || !options.cutBack) {
        options.onFailure(repair, outcome.why ?? '');
      }
    }
  }
}

interface Attempted {
  readonly repair: Repair;
  readonly outcome: Outcome;
}

/**
 * Makes a batch as a whole. If that fails, makes the repairs one by one, so that a repair that cannot be made
 * stops no other.
 */
async function attempted(
  batch: readonly Repair[],
  repairs: (batch: readonly Repair[]) => Promise<Outcome>,
): Promise<readonly Attempted[]> {
  const [first] = batch;
  if (first !== undefined && TOGETHER.has(first.kind)) {
    try {
      const outcome = await repairs(batch);
      return batch.map((repair) => ({ repair, outcome }));
    } catch {
      // The loop below finds the repair that fails.
    }
  }
  const results: Attempted[] = [];
  for (const repair of batch) {
    const outcome = await repairs([repair]).catch((error: unknown) => impossible(errorMessage(error)));
    results.push({ repair, outcome });
  }
  return results;
}

const TOGETHER: ReadonlySet<Repair['kind']> = new Set([
  'delete embedding',
  'delete prompt vector',
  'delete vector',
  'delete statistics',
  'delete diagram',
  'measure diagram',
  'delete surrogates',
  'delete failure',
  'reopen run',
]);

function createRepairs(
  store: Store,
  { catalogue, generate, measures, statistics, now }: Means,
  cutBack: boolean,
) {
  const { db, artifacts, objects, provenance } = store;
  const derived = derivedRows(db);
  const runs = runRepairs(db, artifacts, derived, catalogue, now);
  const content = contentRepairs(db, { artifacts, objects }, derived, catalogue, generate, (change) =>
    rewriteArtifacts(db, change),
  );
  const steps = stepRepairs(db, { artifacts, provenance }, { runs, derived }, catalogue, generate, now);

  /** Makes repairs of one kind; several at once only of the kinds in `TOGETHER`. */
  return async function make(batch: readonly Repair[]): Promise<Outcome> {
    const repair = batch[0]!;
    const all = <K extends Repair['kind']>(kind: K) =>
      batch.filter((one): one is Extract<Repair, { kind: K }> => one.kind === kind);
    switch (repair.kind) {
      case 'delete embedding':
        await derived.deleteEmbeddings(all(repair.kind));
        return DONE;
      case 'delete prompt vector':
        await derived.deletePromptVectors(all(repair.kind));
        return DONE;
      case 'delete vector':
        await derived.deleteVectors(all(repair.kind).map(({ vector }) => vector));
        return DONE;
      case 'delete statistics':
        await derived.deleteStatistics(all(repair.kind).map(({ statistics: id }) => id));
        return DONE;
      case 'compute statistics':
        await statistics.store(store, repair);
        return DONE;
      case 'delete diagram':
        await derived.deleteDiagrams(all(repair.kind).map(({ diagram }) => diagram));
        return DONE;
      case 'measure diagram':
        await derived.measureDiagrams(
          all(repair.kind).map(({ diagram }) => diagram),
          measures,
        );
        return DONE;
      case 'delete surrogates':
        await derived.deleteSurrogates(all(repair.kind));
        return DONE;
      case 'delete failure':
        await derived.deleteFailures(all(repair.kind).map(({ failure }) => failure));
        return DONE;
      case 'reopen run':
        await derived.reopenRuns(all(repair.kind).map(({ run }) => run));
        return DONE;
      case 'delete artifact':
        return await content.deleteArtifacts([repair.artifact]);
      case 'recompute artifact':
        return await content.recomputeArtifact(repair.artifact);
      case 'recompute steps':
        return await steps.recomputeSteps(repair);
      case 'restore run':
        return await runs.restoreRun(repair.run);
      case 'restore experiment':
        return await runs.restoreExperiment(repair.experiment);
      case 'plan runs':
        return await runs.planRuns(repair, cutBack);
      case 'cut run':
        return await runs.cutRun(repair.run, repair.from);
      case 'restart run':
        return await runs.restartRun(repair.run);
      case 'delete run':
        return await runs.deleteRun(repair.run);
      case 'delete step':
        return await runs.deleteStep(repair.invocation);
      case 'restore the database row':
        await restoreDatabaseRow(db);
        return DONE;
      case 'restore the schema':
        await restoreSchema(db, repair.name);
        return DONE;
      case 'rebuild the file':
        return impossible('the file has to be rebuilt before it is opened');
      default:
        return assertNever(repair);
    }
  };
}
