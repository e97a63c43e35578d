import type { Snapshot } from '../connection/database.js';
import type { CheckedRun } from './trajectory.js';
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

// Of several revisions of a model, the one that made the run's diagram; if there is none, the newest.
const MODEL_OF_RUN = `
  select m.id, m.input from models m
  left join diagrams d on d.model_id = m.id and d.run_id = ?
  where m.name = ? and m.kind = 'embedding'
  order by case when d.id is null then 1 else 0 end, d.id desc, m.id desc limit 1`;

const MISSING = `
  select i.id, i.sequence from invocations i
  join artifacts o on o.id = i.output_id and o.modality = ?
  left join embeddings e on e.invocation_id = i.id and e.model_id = ?
  where i.run_id = ? and e.invocation_id is null order by i.sequence`;

const WRONG = `
  select e.invocation_id as "invocationId", e.model_id as "modelId", i.sequence, i.output_id as "outputId",
    e.vector_id as "vectorId", v.model_id as "vectorModelId", v.artifact_id as "vectorArtifactId"
  from invocations i join embeddings e on e.invocation_id = i.id
  left join vectors v on v.id = e.vector_id
  where i.run_id = ? and (v.model_id is distinct from e.model_id or v.artifact_id is distinct from i.output_id)
  order by i.sequence`;

/** Invariant 3 of one run, for counts and references; `vectors.ts` checks the vectors themselves. */
export async function* checkEmbeddings(
  snapshot: Snapshot,
  run: CheckedRun,
  embeddingModels: readonly string[],
): AsyncGenerator<Violation, void, undefined> {
  const where = `run ${run.runIndex} of experiment ${run.experimentId}`;
  for await (const pair of snapshot.rows<WrongPair>(WRONG, run.id)) {
    const { invocationId: invocation, modelId: model, sequence } = pair;
    const message = `step ${sequence} of ${where}: ${pairProblem(pair)}`;
    const repair = { kind: 'delete embedding', invocation, model } as const;
    yield { invariant: 3, table: 'embeddings', id: `${invocation}/${model}`, message, repair };
  }
  if (run.status !== 'finished') return;
  const repair = { kind: 'reopen run', run: run.id } as const;
  for (const name of embeddingModels) {
    let model: { readonly id: number; readonly input: string } | null = null;
    for await (const row of snapshot.rows<{ id: number; input: string }>(MODEL_OF_RUN, run.id, name))
      model = row;
    if (model === null) {
      const message = `${where}: it is finished without any vector of ${name}`;
      yield { invariant: 3, table: 'runs', id: run.id, message, repair };
      continue;
    }
    const steps = snapshot.rows<{ id: number; sequence: number }>(MISSING, model.input, model.id, run.id);
    for await (const step of steps) {
      const message = `step ${step.sequence} of ${where}: its output has no vector of ${name}`;
      yield { invariant: 3, table: 'invocations', id: step.id, message, repair };
    }
  }
}

function pairProblem(pair: WrongPair): string {
  const { vectorId, vectorModelId, vectorArtifactId } = pair;
  if (vectorModelId === null) return `its vector ${vectorId} is missing`;
  return vectorModelId === pair.modelId
    ? `its vector ${vectorId} belongs to artifact ${vectorArtifactId}, its output is artifact ${pair.outputId}`
    : `its vector ${vectorId} is of model ${vectorModelId}, not of model ${pair.modelId}`;
}
