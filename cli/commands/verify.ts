import type { ComputedInvocation, ExperimentRow, Store } from '../../db/index.js';
import { errorMessage, isPanicError, PanicError } from '../../common/errors.js';
import { type Model, wholeRevision } from '../../experiment/model.js';
import { explainUnknown } from '../../experiment/unknown-models.js';
import {
  createModelPool,
  explainDecision,
  explainUnready,
  type ModelPool,
  unreadyAmong,
} from '../../models/index.js';
import { readingExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { count, oneLine, plural, table } from '../terminal/format.js';
import { warnOfOtherOwner } from '../try-objects.js';
import { heading, note, print, printJson } from '../terminal/output.js';
import { compareOutputs, provenanceDifferences, type Verdict } from '../verify/compare.js';
import { drawSample, sampleSize } from '../verify/sample.js';

/** How many invocations are in memory at a time. Among these, each model is loaded only once. */
const READ_AT_ONCE = 10_000;

export interface VerifyOptions {
  /** `1%` or `20`. */
  readonly sample: string;
  /** By how many levels of 8 bits pixels may differ. */
  readonly tolerance: number;
  /** Chooses the sample. */
  readonly seed: number;
}

/** One invocation made again. */
interface Checked {
  readonly run: number;
  readonly sequence: number;
  readonly model: string;
  readonly verdict: Verdict | { readonly result: 'failed'; readonly error: string };
  /** How what computed it now differs from what computed it then. */
  readonly differences: readonly string[];
}

/**
 * `verify ID`: makes a sample of an experiment's model calls again, and compares the outputs. Changes nothing.
 */
export async function verifyExperiment(
  context: Context,
  id: string,
  options: VerifyOptions,
): Promise<number> {
  return await readingExperiments(context, async (store) => {
    const { id: experiment, catalogue: made } = await findExperiment(context, store, id);
    await warnOfOtherOwner(store);
    const total = await store.computed.count(experiment);
    const size = sampleSize(options.sample, total);
    if (size === 0)
      throw new PanicError('InvalidInput', `no model call of experiment ${experiment} is stored yet`);
    const sample: number[] = [];
    const names = new Set<string>();
    const computed = store.computed.ids(experiment);
    for await (const { id: drawn, model } of drawSample(computed, { total, size, seed: options.seed })) {
      sample.push(drawn);
      names.add(model);
    }
    refuseMissingModels(context, [...names], made);
    const models = await createModelPool({
      ...context.environment,
      onDevice: (decision) => {
        for (const line of explainDecision(decision)) note(line);
      },
    });
    try {
      const checked: Checked[] = [];
      for (let from = 0; from < sample.length; from += READ_AT_ONCE) {
        for (const invocation of await store.computed.get(sample.slice(from, from + READ_AT_ONCE))) {
          checked.push(await check(context, store, models, invocation, options.tolerance));
          if (checked.length % 100 === 0) note(`${count(checked.length)} of ${plural(size, 'invocation')}`);
        }
      }
      const document = documentOf(experiment, total, options, checked);
      if (context.json) printJson(document);
      else printChecked(document);
      return document.different + document.failed === 0 ? EXIT.ok : EXIT.failed;
    } finally {
      await models.close();
    }
  });
}

/** @throws PanicError `InvalidInput` if the catalogue lacks a model, or if a run could not use it. */
function refuseMissingModels(
  { catalogue, environment, command }: Context,
  names: readonly string[],
  made: ExperimentRow['catalogue'],
): void {
  const unknown = names.filter((name) => !catalogue.has(name));
  if (unknown.length > 0) {
    throw new PanicError('InvalidInput', explainUnknown(unknown, catalogue, made));
  }
  const models = names.map((name) => catalogue.get(name)!);
  const unready = unreadyAmong(models, environment.modelsFolder);
  if (unready.length > 0) {
    throw new PanicError(
      'InvalidInput',
      `models of this experiment cannot be used yet:\n${explainUnready(unready, command)}`,
    );
  }
}

async function check(
  { catalogue }: Context,
  store: Store,
  models: ModelPool,
  invocation: ComputedInvocation,
  tolerance: number,
): Promise<Checked> {
  const { run, sequence, seed, inputId, outputId, sha256, batchSize, fingerprint } = invocation;
  const model = catalogue.get(invocation.model.name)!;
  const changed = provenanceDifferences(invocation.model, identityOf(model));
  const step = { run, sequence, model: model.name };
  try {
    const fresh = await models.generate(model.name, await store.artifacts.load(inputId), seed);
    const { content } = await store.artifacts.encode(fresh.output);
    const verdict: Verdict = content.sha256.equals(sha256)
      ? { result: 'equal' }
      : compareOutputs(await store.artifacts.load(outputId), fresh.output, tolerance);
    const then = { ...fingerprint, batchSize };
    const now = { ...fresh.fingerprint, batchSize: fresh.batchSize };
    return { ...step, verdict, differences: [...changed, ...provenanceDifferences(then, now)] };
  } catch (error) {
    if (isPanicError(error, 'StoreConflict')) throw error;
    return { ...step, verdict: { result: 'failed', error: errorMessage(error) }, differences: changed };
  }
}

function identityOf(model: Model): ComputedInvocation['model'] {
  const { name, source, settings } = model;
  return { name, source, revision: wholeRevision(model), settings };
}

function documentOf(
  experiment: string,
  computed: number,
  options: VerifyOptions,
  checked: readonly Checked[],
) {
  const having = (result: Checked['verdict']['result']): number =>
    checked.filter(({ verdict }) => verdict.result === result).length;
  return {
    experiment,
    computedInvocations: computed,
    sampled: checked.length,
    sampleSeed: options.seed,
    toleranceLevels: options.tolerance,
    equal: having('equal'),
    close: having('close'),
    different: having('different'),
    failed: having('failed'),
    invocations: checked,
  };
}

function printChecked(document: ReturnType<typeof documentOf>): void {
  const { experiment, sampled, computedInvocations, toleranceLevels } = document;
  print(
    `${heading(`Experiment ${experiment}`)}: ${plural(sampled, 'invocation')} of ${count(computedInvocations)} made again\n`,
  );
  print(
    table(
      [
        ['equal bytes', count(document.equal)],
        [`equal pixels within ${plural(toleranceLevels, 'level')}`, count(document.close)],
        ['different', count(document.different)],
        ['failed', count(document.failed)],
      ],
      [1],
    ),
  );
  const others = document.invocations.filter(({ verdict }) => verdict.result !== 'equal');
  if (others.length > 0) {
    const rows = others.map(({ run, sequence, model, verdict }) => [
      String(run),
      String(sequence),
      model,
      verdictText(verdict),
    ]);
    print(`\n${table([['run', 'step', 'model', 'result'], ...rows], [0, 1])}`);
  }
  const differences = new Map<string, number>();
  for (const difference of document.invocations.flatMap((checked) => checked.differences)) {
    differences.set(difference, (differences.get(difference) ?? 0) + 1);
  }
  if (differences.size === 0) return;
  const rows = [...differences].map(([text, times]) => [`  ${count(times)} x`, oneLine(text)]);
  print(`\nWhat computed them then and now differs:\n${table(rows, [0])}`);
}

function verdictText(verdict: Checked['verdict']): string {
  if (verdict.result === 'failed') return `failed: ${oneLine(verdict.error)}`;
  if (verdict.result === 'equal') return 'equal bytes';
  const by =
    verdict.largestDifference === null ? '' : ` (by up to ${plural(verdict.largestDifference, 'level')})`;
  return `${verdict.result}${by}`;
}
