import proto from '@temporalio/proto';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { byVersion } from './released-version.js';
import { repositoryPath } from './child-processes.js';
import { z } from 'zod';
import { readJsonFile } from './json.js';
import { ownPackage } from './package-file.js';

Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });

const { History } = proto.temporal.api.history.v1;
const HISTORIES = repositoryPath('test/histories');

type RecordedHistory = proto.temporal.api.history.v1.IHistory;

/** The bundle of the present workflows. */
export const BUNDLE = readFileSync(repositoryPath('dist/workflows/bundle.js'), 'utf8');

/** The version in package.json. */
export const PRESENT = ownPackage.version;

/** The versions whose workflows recorded histories, the oldest first. */
export const recordedVersions: readonly string[] = readdirSync(HISTORIES).toSorted(byVersion);

/** Names of the histories that a version recorded. */
export function historiesOf(version: string): string[] {
  return readdirSync(join(HISTORIES, version))
    .map((file) => file.slice(0, -'.json'.length))
    .toSorted();
}

function historyOf(version: string, name: string): RecordedHistory {
  return History.fromObject(readJsonFile(join(HISTORIES, version, `${name}.json`), z.looseObject({})));
}

/** A worker's error about a history that other code recorded; null if the code makes the same decisions. */
export type Verdict = string | null;

/** Replays histories on one worker with this bundle. */
export async function replay(
  bundle: string,
  histories: ReadonlyMap<string, RecordedHistory>,
): Promise<Map<string, Verdict>> {
  const named = [...histories].map(([name, history]) => ({ workflowId: name, history }));
  const verdicts = new Map<string, Verdict>();
  const options = { workflowBundle: { code: bundle } };
  for await (const { workflowId, runId, error } of Worker.runReplayHistories(options, named)) {
    const { originalExecutionRunId } =
      histories.get(workflowId)?.events?.[0]?.workflowExecutionStartedEventAttributes ?? {};
    if (runId !== originalExecutionRunId)
      throw new Error(`the worker reported ${workflowId}, which is another history`);
    verdicts.set(workflowId, error === undefined ? null : `${error.name}: ${error.message}`);
  }
  for (const name of histories.keys()) if (!verdicts.has(name)) throw new Error(`${name} was not replayed`);
  return verdicts;
}

/** The same with the histories that a version recorded: all of them, or the one of this name. */
export async function replayRecorded(
  bundle: string,
  version: string,
  names: readonly string[] = historiesOf(version),
): Promise<Map<string, Verdict>> {
  return await replay(bundle, new Map(names.map((name) => [name, historyOf(version, name)])));
}

/** The bundle of the present workflows with a change. */
export function changed(from: string, to: string): string {
  const code = BUNDLE.replaceAll(from, to);
  if (code === BUNDLE) throw new Error(`the bundle has no ${from} to change`);
  return code;
}
