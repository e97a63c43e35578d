import type Database from 'better-sqlite3';
import type { RunRecord } from './trajectory.js';
import { RESTORE } from './violation.js';
import type { Violation } from './violation.js';

interface WrongPair {
  readonly invocationId: number;
  readonly modelId: number;
  readonly sequence: number;
  readonly outputId: number;
  readonly vectorId: number;
  readonly vectorModelId: number | null;
  readonly vectorArtifactId: number | null;
}

/** Invariant 3 of one run, as far as counts and references go; `vectors.ts` looks at the vectors themselves. */
export function embeddingCheck(db: Database.Database) {
  // Of several revisions of a model, the one that the run's diagram is made with, otherwise the newest.
  const modelOfRun = db.prepare<{ name: string; run: number }, { id: number; input: string }>(`
    select m.id, m.input from models m
    left join diagrams d on d.model_id = m.id and d.run_id = :run
    where m.name = :name and m.kind = 'embedding'
    order by d.id is null, d.id desc, m.id desc limit 1`);
  const missing = db.prepare<
    { run: number; model: number; modality: string },
    { id: number; sequence: number }
  >(`
    select i.id, i.sequence from invocations i
    join artifacts o on o.id = i.output_id and o.modality = :modality
    left join embeddings e on e.invocation_id = i.id and e.model_id = :model
    where i.run_id = :run and e.invocation_id is null order by i.sequence`);
  const wrong = db.prepare<[number], WrongPair>(`
    select e.invocation_id as invocationId, e.model_id as modelId, i.sequence, i.output_id as outputId,
      e.vector_id as vectorId, v.model_id as vectorModelId, v.artifact_id as vectorArtifactId
    from invocations i join embeddings e on e.invocation_id = i.id
    left join vectors v on v.id = e.vector_id
    where i.run_id = ? and (v.model_id is not e.model_id or v.artifact_id is not i.output_id) order by i.sequence`);

  return function* check(run: RunRecord, embeddingModels: readonly string[]): Generator<Violation> {
    const where = `run ${run.runIndex} of experiment ${run.experimentId}`;
    for (const pair of wrong.iterate(run.id)) {
      const message = `step ${pair.sequence} of ${where}: ${pairProblem(pair)}; ${RESTORE}`;
      yield { invariant: 3, table: 'embeddings', id: `${pair.invocationId}/${pair.modelId}`, message };
    }
    if (run.status !== 'finished') return;
    for (const name of embeddingModels) {
      const model = modelOfRun.get({ name, run: run.id });
      if (model === undefined) {
        const message = `${where}: it is finished without any vector of ${name}; ${RESTORE}`;
        yield { invariant: 3, table: 'runs', id: run.id, message };
        continue;
      }
      for (const step of missing.iterate({ run: run.id, model: model.id, modality: model.input })) {
        const message = `step ${step.sequence} of ${where}: its output has no vector of ${name}; ${RESTORE}`;
        yield { invariant: 3, table: 'invocations', id: step.id, message };
      }
    }
  };
}

function pairProblem(pair: WrongPair): string {
  const { vectorId, vectorModelId, vectorArtifactId } = pair;
  if (vectorModelId === null) return `its vector ${vectorId} is missing`;
  return vectorModelId === pair.modelId
    ? `its vector ${vectorId} belongs to artifact ${vectorArtifactId}, its output is artifact ${pair.outputId}`
    : `its vector ${vectorId} is of model ${vectorModelId}, not of model ${pair.modelId}`;
}
