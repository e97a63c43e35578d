import { statisticsCode } from '../../activities/index.js';
import { isThere } from '../../common/presence.js';
import {
  addedToOlder,
  bringUpToDateForRepair,
  connectStore,
  connectStoreAlone,
  connectStoreReadonly,
  isNewer,
  newerRemark,
  OlderTables,
} from '../../db/index.js';
import {
  checkInvariants,
  asksModels,
  deletionCeiling,
  describeRepair,
  findOrphanRows,
  findOrphans,
  givesUpSteps,
  mend,
  rebuildFile,
  removeOrphan,
  RepairPlan,
} from '../../db/doctor/index.js';
import type { PostgresService, Store, StorePlace } from '../../db/index.js';
import type { Repair, RepairGroup, StatisticsPlace } from '../../db/doctor/index.js';
import { unfinishedCount } from '../../experiment/run-status.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { isStoredAsObject } from '../../experiment/modality.js';
import { BAR_MEASURES } from '../../tda/index.js';
import { excludeWorkers } from '../../workers/settings/data-folder.js';
import type { DoctorOptions } from './finding.js';
import { confirmed } from '../terminal/confirm.js';
import { closeFolder } from '../session/closed-folder.js';
import { noExperiments } from '../context.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { findExperiment } from '../lookup/find-experiment.js';
import { bytes, count, plural } from '../terminal/format.js';
import { heading, note, print, printJson } from '../terminal/output.js';
import { checkProgress, countRows } from './check-progress.js';
import { orphanText, sharesObjects } from './data.js';
import { foundText, restoreText, violationDocument } from './remedy.js';
import type { ViolationDocument } from './remedy.js';
import { repairModels } from './repair-models.js';

export interface FixOptions extends DoctorOptions {
  /** Do not ask the user. */
  readonly yes: boolean;
  /** Also delete steps that cannot be proven. */
  readonly cutBack: boolean;
  /** The number of unmentioned pictures to delete, which may be above the ceiling. */
  readonly deleteObjects: number | undefined;
}

/** A repair may reveal what another fault hid. Each further look is a new round. */
const MOST_ROUNDS = 8;

interface Failure {
  readonly repair: Repair;
  readonly why: string;
}

/** What a look at the store found, and what a repair would do. */
interface Examined {
  readonly violations: number;
  /** The first violations, at most `limit` of them. */
  readonly listed: readonly ViolationDocument[];
  readonly plan: RepairPlan;
  readonly orphans: Orphans;
  /** Whether the rows must go to a new file before any other repair. */
  readonly damaged: boolean;
}

/** Objects, files and rows that nothing mentions. */
interface Orphans {
  /** How many objects and temporary files will be deleted, and the bytes of the objects. */
  readonly count: number;
  readonly bytes: number;
  readonly examples: readonly string[];
  /** Pictures that are too many to delete without the user's number. Null if there are none. */
  readonly left: LeftPictures | null;
}

interface LeftPictures {
  readonly pictures: number;
  readonly ceiling: number;
  /** How many objects the place has. */
  readonly stored: number;
  readonly place: string;
}

interface Round {
  readonly violations: readonly ViolationDocument[];
  readonly violationCount: number;
  readonly repairs: readonly RepairGroup[];
  readonly orphans: number;
  readonly done: number;
  readonly failures: readonly Failure[];
}

/** Opens the store for each look and each round. The caller closes it after each. */
type Opener = () => Promise<Store>;

/**
 * `doctor --fix`: says what it would do, asks, does it, and looks again, until nothing is left that it can
 * repair.
 */
export async function fix(context: Context, options: FixOptions): Promise<number> {
  const { database } = context.place;
  return database === null ? await fixFile(context, options) : await fixDatabase(context, database, options);
}

async function fixFile(context: Context, options: FixOptions): Promise<number> {
  if (!isThere(context.folder.databaseFile)) throw noExperiments(context);
  closeFolder(context);
  const lock = await excludeWorkers(context.folder);
  try {
    const tables = await askedForTables(context, options);
    if (tables === 'refused') return EXIT.failed;
    if (tables === 'older') bringOlderUpToDate(context.folder.databaseFile);
    return await fixAlone(context, () => connectStore(placeToFix(context, options)), options);
  } finally {
    lock.release();
  }
}

/**
 * A look at the whole store reports foreign additions to its schema, and then copies the rows to a new file
 * before it writes. A look at one experiment does not see them, so it must refuse to write beside them.
 */
function placeToFix({ place }: Context, { experiment }: FixOptions): StorePlace {
  return { ...place, foreignRules: experiment === undefined ? 'told' : 'refused' };
}

/** Foreign triggers would run while the tables change. So copy the rows first to a new file that has none. */
function bringOlderUpToDate(file: string): void {
  const older = addedToOlder(file);
  if (older !== null) {
    const { kept } = rebuildFile(file, Date.now(), older.applied);
    note(`The file with ${older.added} is kept as ${kept}.`);
  }
  bringUpToDateForRepair(file);
}

/** The server keeps other writers out as long as one connection lives, so everything uses that connection. */
async function fixDatabase(
  context: Context,
  database: PostgresService,
  options: FixOptions,
): Promise<number> {
  if ((await askedForTables(context, options)) === 'refused') return EXIT.failed;
  const store = await connectStoreAlone({ ...context.place, database });
  try {
    return await fixAlone(context, async () => ({ ...store, close: async () => undefined }), options);
  } finally {
    await store.close();
  }
}

/** Asks before it brings tables of an older version up to date. Returns `refused` if the user says no. */
async function askedForTables(
  context: Context,
  options: FixOptions,
): Promise<'current' | 'older' | 'refused'> {
  const older = await olderVersion(context, options);
  if (older === null) return 'current';
  note(older);
  return options.yes || (await confirmed('bring its tables up to date')) ? 'older' : 'refused';
}

/** The message about tables of an older version. Null if the tables have this version. */
async function olderVersion(context: Context, options: FixOptions): Promise<string | null> {
  try {
    const store = await connectStoreReadonly(placeToFix(context, options));
    if (store === null && context.place.database !== null) throw noExperiments(context);
    try {
      if (store !== null) refuseNewer(store);
    } finally {
      await store?.close();
    }
    return null;
  } catch (error) {
    if (error instanceof OlderTables) return error.message;
    throw error;
  }
}

/**
 * A repair deletes what nothing points at. This version does not know every table of a newer one that may point
 * at it.
 */
function refuseNewer({ db: { name, tables } }: Store): void {
  if (!isNewer(tables)) return;
  throw new PanicError(
    'InvalidInput',
    `${newerRemark(name, tables)} Only a version that knows all of it mends it: update panic-tda, and let its doctor --fix do it`,
  );
}

async function fixAlone(context: Context, open: Opener, given: FixOptions): Promise<number> {
  const options = await withExperiment(context, open, given);
  const rounds: Round[] = [];
  let left: Examined;
  for (;;) {
    left = await examined(context, open, options);
    try {
      if (!context.json) printExamined(context, left, options);
      const wanted = left.plan.count(options.cutBack) + left.orphans.count;
      if (wanted === 0 || rounds.length === MOST_ROUNDS) break;
      if (!options.yes && !(await confirmed('make these repairs'))) break;
      const round = await makeRepairs(context, open, left, options);
      rounds.push(round);
      if (!context.json) printRound(round);
      if (round.done === 0) break;
    } finally {
      left.plan.close();
    }
  }
  const unfinished = await unfinishedExperiments(open);
  const { violations, listed } = left;
  if (context.json)
    printJson({
      healthy: violations === 0,
      violationCount: violations,
      violations: listed,
      rounds,
      picturesLeft: left.orphans.left,
      unfinished,
    });
  else {
    printEnd(context, violations, unfinished, rounds.at(-1)?.failures ?? []);
    if (left.orphans.left !== null) print(leftText(context, left.orphans.left));
  }
  return violations === 0 && left.orphans.left === null ? EXIT.ok : EXIT.failed;
}

/**
 * Replaces the prefix of an experiment's id by the whole id.
 * @throws PanicError `InvalidInput` if the pictures are kept elsewhere.
 */
async function withExperiment(context: Context, open: Opener, options: FixOptions): Promise<FixOptions> {
  const store = await open();
  try {
    await store.objectsPlace.requireOwn();
    if (options.experiment === undefined) return options;
    return { ...options, experiment: (await findExperiment(context, store, options.experiment)).id };
  } finally {
    await store.close();
  }
}

async function examined(context: Context, open: Opener, options: FixOptions): Promise<Examined> {
  const { experiment, deep, limit } = options;
  const store = await open();
  const progress = checkProgress(context.json, experiment === undefined ? await countRows(store) : null);
  const plan = new RepairPlan();
  const listed: ViolationDocument[] = [];
  let violations = 0;
  let damaged = false;
  try {
    const checked = {
      deep,
      measures: BAR_MEASURES,
      statistics: statisticsCode(store, Date.now),
      onProgress: progress.onProgress,
      onUnmeasured: (diagram: number) => plan.add({ kind: 'measure diagram', diagram }),
      onUncomputed: (of: StatisticsPlace) => plan.add({ kind: 'compute statistics', ...of }),
    };
    const only = experiment === undefined ? {} : { experiment };
    for await (const violation of checkInvariants(store.db, store.objects, { ...checked, ...only })) {
      violations++;
      if (listed.length < limit) listed.push(violationDocument(violation, context));
      if (violation.repair === null) continue;
      plan.add(violation.repair);
      damaged ||= violation.repair.kind === 'rebuild the file';
    }
    progress.done();
    const orphans =
      experiment === undefined && !damaged
        ? await countOrphans(context, store, plan, options.deleteObjects)
        : NO_ORPHANS;
    return { violations, listed, plan, orphans, damaged };
  } finally {
    progress.done();
    await store.close();
  }
}

const NO_ORPHANS: Orphans = { count: 0, bytes: 0, examples: [], left: null };
const EXAMPLES = 3;

/**
 * Counts what nothing mentions. Rows go into the plan. Files and objects are counted here and found again when
 * they are deleted. Pictures stay if they are more than the ceiling, or not exactly the number that the user
 * named.
 */
async function countOrphans(
  context: Context,
  { db, objects }: Store,
  plan: RepairPlan,
  named: number | undefined,
): Promise<Orphans> {
  const found = { objects: 0, bytes: 0, files: 0, rows: 0, stored: 0 };
  const examples: string[] = [];
  for await (const orphan of findOrphans(db, { ...objects, list: counted }, Date.now())) {
    if (orphan.kind === 'artifact') {
      if (isStoredAsObject(orphan.modality)) found.rows++;
      else plan.add({ kind: 'delete artifact', artifact: orphan.id });
      continue;
    }
    if (sharesObjects(context)) continue;
    if (orphan.kind === 'temporary file') found.files++;
    else {
      found.objects++;
      found.bytes += orphan.byteLength;
    }
    if (examples.length < EXAMPLES) examples.push(orphanText(orphan));
  }
  async function* counted() {
    for await (const object of objects.list()) {
      found.stored++;
      yield object;
    }
  }
  const pictures = found.objects + found.rows;
  const ceiling = deletionCeiling(found.stored);
  if (pictures > 0 && (named === undefined ? pictures > ceiling : pictures !== named)) {
    const left = { pictures, ceiling, stored: found.stored, place: objects.root };
    return { count: found.files, bytes: 0, examples: found.files > 0 ? examples : [], left };
  }
  for await (const { id, modality } of findOrphanRows(db)) {
    if (isStoredAsObject(modality)) plan.add({ kind: 'delete artifact', artifact: id });
  }
  return { count: found.files + found.objects, bytes: found.bytes, examples, left: null };
}

async function makeRepairs(
  context: Context,
  open: Opener,
  found: Examined,
  options: FixOptions,
): Promise<Round> {
  const round = {
    violations: found.listed,
    violationCount: found.violations,
    repairs: found.plan.groups(),
    orphans: found.orphans.count,
  };
  const failures: Failure[] = [];
  const onFailure = (repair: Repair, why: string): void => {
    if (failures.length < options.limit) failures.push({ repair, why });
  };
  // Reading a damaged file may give rows that are not in it. So do nothing else before the next look.
  if (found.damaged) return { ...round, ...(await rebuild(context, failures)) };
  const store = await open();
  const models = await repairModels(context, store);
  try {
    let done = await mend(store, found.plan, models.means, { cutBack: options.cutBack, onFailure });
    if (found.orphans.count > 0) done += await removeOrphans(store, found.orphans);
    return { ...round, done, failures };
  } finally {
    await models.close();
    await store.close();
  }
}

async function rebuild(
  context: Context,
  failures: Failure[],
): Promise<{ readonly done: number; readonly failures: readonly Failure[] }> {
  try {
    const { kept, cutShort } = rebuildFile(context.folder.databaseFile, Date.now());
    note(`The damaged file is kept as ${kept}.`);
    if (cutShort.length > 0) {
      note(
        `Not every row of these tables could be read; missing rows are made again: ${cutShort.join(', ')}.`,
      );
    }
    return { done: 1, failures };
  } catch (error) {
    failures.push({ repair: { kind: 'rebuild the file' }, why: errorMessage(error) });
    return { done: 0, failures };
  }
}

async function removeOrphans(store: Store, { left }: Orphans): Promise<number> {
  // Another database may have taken the pictures over since the look.
  await store.objectsPlace.requireOwn();
  let removed = 0;
  for await (const orphan of findOrphans(store.db, store.objects, Date.now())) {
    if (orphan.kind === 'artifact' || (orphan.kind === 'object' && left !== null)) continue;
    await removeOrphan(store.objects, orphan);
    removed++;
  }
  return removed;
}

/** The experiments that have runs to make and that no process drives. */
async function unfinishedExperiments(open: Opener): Promise<string[]> {
  const store = await open();
  try {
    const unfinished: string[] = [];
    for (const { id, status } of await store.experiments.list()) {
      if (status !== 'planned') continue;
      if (unfinishedCount(await store.experiments.runsByStatus(id)) > 0) unfinished.push(id);
    }
    return unfinished;
  } finally {
    await store.close();
  }
}

function printExamined(
  context: Context,
  { violations, listed, plan, orphans }: Examined,
  { limit, cutBack }: FixOptions,
): void {
  if (violations === 0) print('Every invariant holds.');
  for (const document of listed) print(`FAIL  ${foundText(document).replaceAll('\n', '\n      ')}`);
  if (violations > limit) print(`FAIL  and ${plural(violations - limit, 'more violation')}`);
  const lost = listed.filter(({ repair }) => repair === null).length;
  if (lost > 0) print(`\nNothing here mends ${lost} of these: ${restoreText(context)}.`);
  const groups = plan.groups();
  const wanted = groups.filter(({ givesUp }) => cutBack || !givesUp);
  if (wanted.length + orphans.count > 0) print(`\n${heading('This will')}`);
  for (const group of wanted) printGroup(group);
  if (orphans.count > 0) {
    print(
      `  delete ${plural(orphans.count, 'object')} and temporary files that nothing mentions (${bytes(orphans.bytes)})`,
    );
    for (const example of orphans.examples) print(`    ${example}`);
  }
  const refused = groups.filter(({ givesUp }) => !cutBack && givesUp);
  if (refused.length === 0) return;
  print(`\n${heading('This cannot be mended without giving up steps: --cut-back would')}`);
  for (const group of refused) printGroup(group);
}

function leftText({ command }: Context, { pictures, ceiling, stored, place }: LeftPictures): string {
  return (
    `NOT deleted: ${plural(pictures, 'picture')} that nothing mentions, of ${plural(stored, 'object')} in ${place}. No crash leaves so many. By itself it deletes at most ${count(ceiling)} ` +
    '(the larger of 100 and one in a hundred), or exactly the number that the user names. First make sure that this is the newest database of these pictures, and no ' +
    `restored copy. To delete them: "${command('doctor', '--fix', '--delete-objects', pictures)}".`
  );
}

function printGroup({ count: all, examples }: RepairGroup): void {
  for (const example of examples) print(`  ${example}`);
  if (all > examples.length) print(`  and ${count(all - examples.length)} more like this`);
}

function printRound({ done, failures }: Round): void {
  print(`\nDone: ${plural(done, 'repair')}.`);
  for (const { repair, why } of failures) {
    print(`  could not ${describeRepair(repair)}: ${why}`);
  }
  print('');
}

function printEnd(
  context: Context,
  violations: number,
  unfinished: readonly string[],
  failures: readonly Failure[],
): void {
  if (violations > 0) {
    const { command } = context;
    const steps = failures.some(({ repair }) => asksModels(repair) || givesUpSteps(repair));
    const cut = `; or give up what cannot be proven: "${command('doctor', '--fix', '--cut-back')}" cuts runs back to their last good steps`;
    print(`\n${plural(violations, 'violation')} left: ${restoreText(context)}${steps ? cut : ''}.`);
  }
  for (const id of unfinished) print(`"${context.command('resume', id)}" makes what experiment ${id} lacks.`);
}
