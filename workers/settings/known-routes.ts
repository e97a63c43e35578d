import type { RecordedRoutes, Store } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { quoted } from '../../common/problems.js';
import { question } from '../temporal/question.js';
import { type ModelRoutes, originOfRoutes, recordText } from './routes.js';

/** The routes by which a process works. */
export interface KnownRoutes {
  readonly routes: ModelRoutes;
  /** Sentences without their full stop: where the file of this machine differs. */
  readonly disagreements: readonly string[];
}

/**
 * The routes of the database hold for every machine. The file of a machine counts only while no worker has
 * recorded any. So an old file, or one of another fleet, sends no run to a queue that no worker serves.
 */
export function knownRoutes(ofFile: ModelRoutes, recorded: RecordedRoutes | null): KnownRoutes {
  if (recorded === null) return { routes: ofFile, disagreements: [] };
  const byModel = new Map([...recorded.byModel].map(([model, { route }]) => [model, route]));
  return {
    routes: { byModel, file: null, recorded: recorded.last },
    disagreements: ofFile.file === null ? [] : disagreementsOf(ofFile, recorded),
  };
}

function disagreementsOf({ byModel, file }: ModelRoutes, { byModel: ofAll, last }: RecordedRoutes): string[] {
  return [...new Set([...byModel.keys(), ...ofAll.keys()])].sort().flatMap((model) => {
    const own = byModel.get(model);
    const recorded = ofAll.get(model);
    if (own === recorded?.route) return [];
    const here = own === undefined ? 'no route' : `the route ${quoted(own)}`;
    const there = recorded === undefined ? 'none' : `the route ${quoted(recorded.route)}`;
    return [
      `${model} has ${here} in ${file}, and ${there} in the database, where ${recordText(recorded ?? last)}`,
    ];
  });
}

/** Whether two processes with these routes send each model's work to the same queue. */
function isSame(left: ModelRoutes, right: ModelRoutes): boolean {
  return (
    left.byModel.size === right.byModel.size &&
    [...left.byModel].every(([model, route]) => right.byModel.get(model) === route)
  );
}

/**
 * What a worker remarks on routes, since it works by those of its start; sentences without their full stop.
 */
export function routesRemarks(ofStart: ModelRoutes, { routes, disagreements }: KnownRoutes): string[] {
  const disagreement = disagreementText(disagreements);
  return [
    ...(isSame(ofStart, routes)
      ? []
      : [
          `this worker goes by routes that hold no more: ${originOfRoutes(routes)}; start it again, or runs are sent back and forth`,
        ]),
    ...(disagreement === null ? [] : [disagreement]),
  ];
}

/**
 * Returns a function that asks the store which routes hold now. It rejects if the store does not answer soon.
 */
export function routesAsker(
  { routes: table }: Pick<Store, 'routes'>,
  ofFile: ModelRoutes,
): () => Promise<KnownRoutes> {
  const ask = question(() => table.recorded(), { withinMs: ANSWER_WITHIN_MS });
  return async () => knownRoutes(ofFile, await ask());
}

const ANSWER_WITHIN_MS = 1000;

/** What to do about a file that differs. The routes of the database hold until then. */
const DISAGREEING_REMEDY =
  'the routes of the database hold for all machines: correct or remove the file, or let one worker record it for all with --record-routes, and start the others again';

/** A disagreement with its remedy, as one sentence without its full stop; null if there is none. */
export function disagreementText(disagreements: readonly string[]): string | null {
  return disagreements.length === 0 ? null : `${disagreements.join('; ')}; ${DISAGREEING_REMEDY}`;
}

interface Recording {
  /** Identity of the worker that asks. */
  readonly identity: string;
  /** Whether the file of this machine replaces the recorded routes. */
  readonly replace: boolean;
  readonly now: number;
  /** Throws if the worker cannot serve its models by these routes. Such a worker ends, and records none. */
  readonly requireServable: (routes: ModelRoutes) => void;
}

/** The result for a worker at its start. */
interface SettledRoutes extends KnownRoutes {
  /** What its file changed in the routes that others had recorded, as `disagreements`. */
  readonly replaced: readonly string[];
}

/**
 * The routes by which a worker works. It records those of its file if none are recorded, or if it is asked to
 * replace them.
 */
export async function settleRoutes(
  { routes: table }: Pick<Store, 'routes'>,
  ofFile: ModelRoutes,
  { identity, replace, now, requireServable }: Recording,
): Promise<SettledRoutes> {
  const who = { by: identity, at: now };
  const known = knownRoutes(ofFile, await table.recorded());
  requireServable(replace && ofFile.file !== null ? ofFile : known.routes);
  if (ofFile.file === null) return { ...known, replaced: [] };
  if (!replace) {
    return { ...knownRoutes(ofFile, await table.recordFirst(ofFile.byModel, who)), replaced: [] };
  }
  const { disagreements: replaced } = known;
  return { ...knownRoutes(ofFile, await table.replace(ofFile.byModel, who)), replaced };
}

export function noRoutesToRecord(): PanicError {
  return new PanicError(
    'InvalidInput',
    '--record-routes: this machine has no file of routes; write routes.json in the data folder, or name a file by PANIC_TDA_ROUTES. A file with {} takes all routes back',
  );
}
