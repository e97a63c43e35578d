import { Context } from '@temporalio/activity';
import { callColumns } from '../db/index.js';
import type {
  Committed,
  Cycle,
  EncodedArtifact,
  EqualWork,
  Position,
  RunProgress,
  RunRow,
  Standing,
  Step,
} from '../db/index.js';
import type { Artifact } from '../experiment/artifact.js';
import { modelAt, runCoordinates } from '../experiment/config.js';
import type { ExperimentConfig } from '../experiment/config.js';
import { faultPoint } from '../common/fault.js';
import { seedOfStep } from '../experiment/ids.js';
import type { GenerativeModel } from '../experiment/model.js';
import { excerptOf, visibleLine } from '../common/text.js';
import type { Held, RunAdvance, RunRef } from '../workflows/contract.js';
import type { Dependencies } from './dependencies.js';
import { isWorkerShutdown, runFailure } from './failures.js';
import { whileHeartbeating } from './heartbeat.js';
import { routingOf } from './routing.js';
import { analyseInTimeLeft } from './finish-short-run.js';
import { usableModel } from './unknown-to-worker.js';

const FILL_CHUNK = 2000;
const PROMPT_EXCERPT = 100;

/**
 * Makes the activity `advanceRun`. It is idempotent by (run, sequence): it continues from the stored rows,
 * whatever earlier attempts did.
 */
export function createAdvanceRun(deps: Dependencies) {
  return async function advanceRun(ref: RunRef): Promise<RunAdvance> {
    const run = await deps.store.runs.get(ref.experiment, ref.index);
    const trajectory = await Trajectory.of(deps, run);
    const held = heldBy(run, await deps.store.experiments.standing(ref.experiment));
    if (held !== null) return { ...trajectory.standing(), held };
    const until = performance.now() + deps.activityMs;
    try {
      const report = await whileHeartbeating(
        () => ({ next: trajectory.position.sequence }),
        async () => {
          const signal = Context.current().cancellationSignal;
          await trajectory.advance(until, signal);
          return await trajectory.report(until, signal);
        },
      );
      faultPoint('invocations:before-return');
      return report;
    } catch (error) {
      throw await runFailure(
        deps.store,
        run,
        { stage: 'invocation', sequence: trajectory.position.sequence },
        error,
        deps.now(),
      );
    }
  };
}

/** What a step asks of a model, without its input. */
interface Work {
  readonly model: GenerativeModel;
  readonly modelId: number;
  readonly seed: number;
}

type ModelCall = ReturnType<Dependencies['models']['generate']>;

/** A run while one activity advances it. */
class Trajectory {
  position: Position;
  private ended: RunProgress['ended'];
  private cycle: Cycle | null;
  /** The artifact at `position`, if this activity made it itself. */
  private input: Artifact | null = null;
  /** Whether the step at `position` needs a model that this worker does not serve. */
  private elsewhere = false;
  /** The model call of the step at `position`, if it began before the previous step was stored. */
  private begun: ModelCall | null = null;
  private onCycle: Step['onCycle'] = 'ignore';

  private constructor(
    private readonly deps: Dependencies,
    private readonly run: RunRow,
    private readonly config: ExperimentConfig,
    { next, ended, cycle }: RunProgress,
  ) {
    this.position = next;
    this.ended = ended;
    this.cycle = cycle;
  }

  static async of(deps: Dependencies, run: RunRow): Promise<Trajectory> {
    const config = await deps.store.experiments.config(run.experimentId);
    return new Trajectory(deps, run, config, await deps.store.invocations.progress(run));
  }

  /**
   * Makes at least one step, and more until `until` (performance.now()). It stops earlier if the run ends or
   * needs a model that another worker serves. If the worker shuts down, the stored steps count, and another
   * activity makes the step under way again.
   */
  async advance(until: number, signal: AbortSignal): Promise<void> {
    if (this.ended !== null) return;
    const { store, now } = this.deps;
    this.onCycle = cyclesOf(this.run, this.deps.catalogue, this.config.on_cycle);
    await store.runs.markRunning(this.run, now());
    const first = this.position.sequence;
    do {
      try {
        signal.throwIfAborted();
        if (this.cycle !== null && this.config.on_cycle === 'continue') await this.fill(this.cycle);
        else await this.step(signal, until);
      } catch (error) {
        if (this.position.sequence > first && isWorkerShutdown(signal)) return;
        throw error;
      }
    } while (this.ended === null && !this.elsewhere && (this.begun !== null || performance.now() < until));
  }

  /**
   * Says where the run stands. An ended run uses the time left for its embeddings and diagrams. A run without
   * embedding models has neither, so this method marks the run finished.
   */
  async report(until: number, signal: AbortSignal): Promise<RunAdvance> {
    const { run, position, ended } = this;
    const { store, now } = this.deps;
    if (ended !== null && this.config.embedding_models.length === 0) {
      await store.diagrams.finishRun(run, { diagrams: 0, surrogates: 0 }, now());
    }
    const analysed =
      ended === null || signal.aborted
        ? {}
        : await analyseInTimeLeft(this.deps, run, position.sequence, until, signal);
    return { ...analysed, ...this.standing() };
  }

  standing(): RunAdvance {
    const { run, position, ended, cycle } = this;
    const { embedding_models } = this.config;
    return {
      ...routingOf(run, position, ended !== null, embedding_models, this.deps.routing),
      next: position.sequence,
      maxLength: run.maxLength,
      ended,
      cycleLength: cycle?.length ?? null,
      network: networkLabel(run.network),
      seed: run.seed,
      prompt: excerpt(runCoordinates(this.config, run.runIndex).prompt),
    };
  }

  /** Makes the next step. Before `until` it also begins the model call of the step after the next one. */
  private async step(signal: AbortSignal, until: number): Promise<void> {
    const { store, now } = this.deps;
    const { run, position } = this;
    const { sequence, inputId } = position;
    const work = await this.work(sequence);
    const { model, modelId, seed } = work;
    const step = { sequence, inputId, modelId, seed, onCycle: this.onCycle };

    const { begun } = this;
    this.begun = null;
    const equal = begun === null ? await this.findEqualWork(work, inputId) : null;
    if (equal !== null) {
      const { outputId: output, call } = equal;
      const reused = { ...step, output, call, provenance: { source: 'reused' } } as const;
      await this.accept(await store.invocations.commit(run, reused, now()), null);
      return;
    }
    if (begun === null && !this.deps.routing.serves(model.name)) {
      this.elsewhere = true;
      return;
    }
    const call =
      begun ?? this.call(model.name, this.input ?? (await store.artifacts.load(inputId)), seed, signal);
    const answer = await call;
    const { output, fingerprint, batchSize, computeMs } = answer;
    const hostId = await store.provenance.hostId(fingerprint);
    const encoding = store.artifacts.encode(output);
    if (performance.now() < until) await this.beginNext(output, encoding, signal);
    const encoded = await encoding;
    const staged = await store.artifacts.stage(encoded);
    const provenance = { source: 'computed', hostId, batchSize, computeMs } as const;
    const computed = { ...step, output: staged, call: callColumns({ model, answer }), provenance };
    const committed = await store.invocations.commit(run, computed, now());
    await this.accept(committed, output);
  }

  private async work(sequence: number): Promise<Work> {
    const { run, deps } = this;
    const model = usableModel(deps.catalogue, modelAt(run.network, sequence), 'generative');
    return { model, modelId: await deps.store.provenance.modelId(model), seed: seedOfStep(run, sequence) };
  }

  private async findEqualWork({ model, modelId, seed }: Work, inputId: number): Promise<EqualWork | null> {
    if (!this.config.reuse || !model.deterministic) return null;
    return this.deps.store.invocations.findEqualWork(modelId, inputId, seed);
  }

  private call(name: string, input: Artifact, seed: number, signal: AbortSignal): ModelCall {
    const call = this.deps.models.generate(name, input, seed, signal);
    // The run may end or fail before this call, and then no code awaits the call. Its error must not count as
    // an unhandled rejection.
    call.catch(() => undefined);
    return call;
  }

  /**
   * Begins the model call of the following step while the output of this step becomes durable. Rows are still
   * committed in order. The call does not begin early if its result may be stored already, or if this step may
   * end the run. Both need an output that the store has seen before. A run with a new seed for each step has
   * only new work, so it does not wait for the digest of the output.
   */
  private async beginNext(
    output: Artifact,
    encoding: Promise<EncodedArtifact>,
    signal: AbortSignal,
  ): Promise<void> {
    const sequence = this.position.sequence + 1;
    if (sequence === this.run.maxLength) return;
    const work = await this.work(sequence);
    if (!this.deps.routing.serves(work.model.name)) return;
    if (this.run.seed !== -1) {
      const seen = await this.deps.store.artifacts.find((await encoding).content);
      if (seen !== null && (this.onCycle !== 'ignore' || (await this.findEqualWork(work, seen)) !== null)) {
        return;
      }
    }
    this.begun = this.call(work.model.name, output, work.seed, signal);
  }

  private async fill(cycle: Cycle): Promise<void> {
    const { store, now } = this.deps;
    await this.accept(
      await store.invocations.fillFromCycle(this.run, cycle, this.run.seed, FILL_CHUNK, now()),
      null,
    );
    // The fill is synchronous: let heartbeats and cancellation have their turn.
    await new Promise(setImmediate);
  }

  private async accept(committed: Committed, output: Artifact | null): Promise<void> {
    this.position = committed.next;
    this.ended = committed.ended;
    if (committed.superseded) {
      this.cycle = committed.cycle;
      this.input = null;
      this.begun = null;
      return;
    }
    this.cycle = committed.cycle ?? this.cycle;
    this.input = output;
  }
}

/**
 * A repeated output is no cycle if every step has a new seed, or if a model may answer differently next time.
 */
function cyclesOf(
  run: RunRow,
  catalogue: Dependencies['catalogue'],
  wanted: 'stop' | 'continue',
): Step['onCycle'] {
  const deterministic = run.network.every((name) => usableModel(catalogue, name, 'generative').deterministic);
  return run.seed === -1 || !deterministic ? 'ignore' : wanted;
}

/**
 * Reads from the rows what a user asked for while no workflow could receive a signal, or before this workflow
 * began.
 */
function heldBy({ hold }: RunRow, { pausedAt, deletingAt }: Standing): Held | null {
  if (hold === 'cancelled' || deletingAt !== null) return 'run-cancelled';
  if (pausedAt !== null) return 'experiment-paused';
  return hold === 'paused' ? 'run-paused' : null;
}

/** `A → B`, short enough for a search attribute. */
function networkLabel(network: readonly string[]): string {
  return excerpt(network.join(' → '));
}

function excerpt(text: string): string {
  return excerptOf(visibleLine(text), PROMPT_EXCERPT);
}
