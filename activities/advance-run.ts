import { Context } from '@temporalio/activity';
import type { Committed, Cycle, Position, RunRow, Step } from '../db/index.js';
import type { Artifact } from '../experiment/artifact.js';
import { PanicError } from '../experiment/errors.js';
import { faultPoint } from '../experiment/fault.js';
import { seedOfStep } from '../experiment/ids.js';
import type { GenerativeModel } from '../experiment/model.js';
import type { RunAdvance, RunRef } from './contract.js';
import type { Dependencies } from './dependencies.js';
import { isWorkerShutdown, runFailure } from './failures.js';
import { whileHeartbeating } from './heartbeat.js';

// Temporal costs 10 to 20 ms of CPU an activity: a second of steps at a time makes that small, and keeps what a crash
// repeats to the one step that was not committed.
const BUDGET_MS = 1000;
const FILL_CHUNK = 2000;
const PROMPT_EXCERPT = 100;

/** Makes `advanceRun`. Idempotent by (run, sequence): it goes on from the stored rows, whatever was attempted before. */
export function createAdvanceRun(deps: Dependencies) {
  return async function advanceRun(ref: RunRef): Promise<RunAdvance> {
    const run = deps.store.runs.get(ref.experiment, ref.index);
    const trajectory = new Trajectory(deps, run);
    try {
      await whileHeartbeating(
        () => ({ next: trajectory.position.sequence }),
        () => trajectory.advance(Context.current().cancellationSignal),
      );
    } catch (error) {
      throw runFailure(
        deps.store,
        run,
        { stage: 'invocation', sequence: trajectory.position.sequence },
        error,
        deps.now(),
      );
    }
    faultPoint('invocations:before-return');
    return trajectory.report();
  };
}

/** A run being advanced by one activity. */
class Trajectory {
  position: Position;
  private ended: RunRow['stopReason'];
  private cycle: Cycle | null;
  /** The artifact at `position`, where this activity made it itself. */
  private input: Artifact | null = null;
  private readonly config;

  constructor(
    private readonly deps: Dependencies,
    private readonly run: RunRow,
  ) {
    this.config = deps.store.experiments.get(run.experimentId).config;
    this.position = deps.store.invocations.position(run);
    this.ended = run.stopReason;
    this.cycle = cycleOf(run);
  }

  async advance(signal: AbortSignal): Promise<void> {
    if (this.ended !== null) return;
    const { store, now } = this.deps;
    store.runs.markRunning(this.run, now());
    const until = performance.now() + BUDGET_MS;
    do {
      // The steps that are made are committed; a worker that stops hands the rest to the next attempt.
      if (signal.aborted && isWorkerShutdown(signal)) return;
      signal.throwIfAborted();
      if (this.cycle !== null && this.config.on_cycle === 'continue') await this.fill(this.cycle);
      else await this.step(signal);
    } while (this.ended === null && performance.now() < until);
  }

  report(): RunAdvance {
    const { run, position, ended, cycle } = this;
    return {
      next: position.sequence,
      maxLength: run.maxLength,
      ended,
      cycleLength: cycle?.length ?? null,
      network: networkLabel(run.network),
      seed: run.seed,
      prompt: excerpt(this.config.prompts[run.runIndex % this.config.prompts.length]!),
    };
  }

  private async step(signal: AbortSignal): Promise<void> {
    const { store, catalogue, now } = this.deps;
    const { run, position } = this;
    const { sequence, inputId } = position;
    const model = generativeModel(catalogue, run.network[sequence % run.network.length]!);
    const modelId = store.provenance.modelId(model);
    const seed = seedOfStep(run, sequence);
    const work = { sequence, inputId, modelId, seed, onCycle: this.onCycle() };

    const equal =
      this.config.reuse && model.deterministic
        ? store.invocations.findEqualWork(modelId, inputId, seed)
        : null;
    if (equal !== null) {
      this.accept(
        await store.invocations.commit(
          run,
          { ...work, output: equal, provenance: { source: 'reused' } },
          now(),
        ),
        null,
      );
      return;
    }
    const input = this.input ?? (await store.artifacts.load(inputId));
    const { output, host, batchSize, computeMs } = await this.deps.models.generate(
      model.name,
      input,
      seed,
      signal,
    );
    const hostId = store.provenance.hostId(host);
    const staged = await store.artifacts.stage(output);
    const provenance = { source: 'computed', hostId, batchSize, computeMs } as const;
    this.accept(await store.invocations.commit(run, { ...work, output: staged, provenance }, now()), output);
  }

  private async fill(cycle: Cycle): Promise<void> {
    const { store, now } = this.deps;
    this.accept(
      await store.invocations.fillFromCycle(this.run, cycle, this.run.seed, FILL_CHUNK, now()),
      null,
    );
    // The fill is synchronous; heartbeats and cancellation must get their turn.
    await new Promise(setImmediate);
  }

  private accept(committed: Committed, output: Artifact | null): void {
    this.position = committed.next;
    if (committed.superseded) {
      const stored = this.deps.store.runs.get(this.run.experimentId, this.run.runIndex);
      this.ended = stored.stopReason;
      this.cycle = cycleOf(stored);
      this.input = null;
      return;
    }
    this.ended = committed.ended;
    this.cycle = committed.cycle ?? this.cycle;
    this.input = output;
  }

  /** With a seed per step a repeated output is no cycle; nor is it where a model may answer differently next time. */
  private onCycle(): Step['onCycle'] {
    const { run, deps, config } = this;
    const deterministic = run.network.every((name) => generativeModel(deps.catalogue, name).deterministic);
    return run.seed === -1 || !deterministic ? 'ignore' : config.on_cycle;
  }
}

function generativeModel(catalogue: Dependencies['catalogue'], name: string): GenerativeModel {
  const model = catalogue.get(name);
  if (model?.kind === 'generative') return model;
  throw new PanicError(
    'InvalidInput',
    `${name} is not a generative model of this worker's catalogue; "panic-tda models" shows it`,
  );
}

function cycleOf(run: RunRow): Cycle | null {
  return run.cycleStart === null || run.cycleLength === null
    ? null
    : { start: run.cycleStart, length: run.cycleLength };
}

/** `A → B`, short enough for a search attribute. */
function networkLabel(network: readonly string[]): string {
  return excerpt(network.join(' → '));
}

function excerpt(text: string): string {
  return text.length <= PROMPT_EXCERPT ? text : `${text.slice(0, PROMPT_EXCERPT)}…`;
}
