import { isThere } from '../../common/presence.js';
import { copyObjects, objectsBeside, openObjects } from '../../db/index.js';
import type { CopyCounts, ObjectsPlace, ObjectStore } from '../../db/index.js';
import { PanicError } from '../../common/errors.js';
import { placeOfObjects } from '../../workers/settings/object-service.js';
import type { Context } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { bytes, count, plural } from '../terminal/format.js';
import { onInterrupt } from '../terminal/interruption.js';
import { liveProgress } from '../terminal/live-display.js';
import { note, print, printJson } from '../terminal/output.js';

export interface CopyRequest {
  readonly from: string | undefined;
  readonly to: string;
  readonly verify: boolean;
}

/**
 * `objects copy --to PLACE`: copies every object from one place to another. The same command continues after an
 * interruption.
 */
export async function copyBetween(context: Context, request: CopyRequest): Promise<number> {
  const source =
    request.from === undefined
      ? (context.environment.objects ?? objectsBeside(context.folder.root))
      : placeOfObjects(request.from);
  refuseMissingFolder(source);
  const [from, to] = [openObjects(source), openObjects(placeOfObjects(request.to))];
  try {
    if (from.root === to.root) {
      throw new PanicError('InvalidInput', `the objects are in ${from.root} already; nothing was done`);
    }
    await to.check();
    return await copyAndTell(context, from, to, request);
  } finally {
    from.close();
    to.close();
  }
}

function refuseMissingFolder(place: ObjectsPlace): void {
  if (place.kind === 'folder' && !isThere(place.path)) {
    throw new PanicError('InvalidInput', `there is no folder ${place.path}; name the objects with --from`);
  }
}

async function copyAndTell(
  context: Context,
  from: ObjectStore,
  to: ObjectStore,
  { verify }: CopyRequest,
): Promise<number> {
  note(`Copying objects from ${from.root} to ${to.root}.`);
  const interruption = onInterrupt();
  const display = liveProgress<CopyCounts>({ silent: context.json, bars: progressLine, line: progressLine });
  try {
    const counts = await copyObjects(from.list(), from, to, {
      verify,
      signal: interruption.signal,
      onProgress: (progress) => display.show(progress),
      onDamaged: ({ message }) => note(message),
    }).finally(() => display.done());
    report(context, from, to, counts);
    return counts.damaged === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    const code = interruption.exitCode();
    if (code === null) throw error;
    note('Stopped. What was copied stays; the same command goes on from there.');
    return code;
  } finally {
    interruption.end();
  }
}

function progressLine(counts: CopyCounts): string {
  return `${plural(counts.objects, 'object')}, ${bytes(counts.bytes)}; ${count(counts.copied)} copied`;
}

function report({ json, command }: Context, from: ObjectStore, to: ObjectStore, counts: CopyCounts): void {
  if (json) {
    printJson({ from: from.root, to: to.root, ...counts });
    return;
  }
  const { objects, copied, copiedBytes, present, replaced, damaged } = counts;
  print(
    `${plural(objects, 'object')}: ${count(copied)} copied, ${count(present)} there already` +
      `${replaced === 0 ? '' : `, ${count(replaced)} replaced`} (${bytes(copiedBytes)} written)` +
      `${damaged === 0 ? '' : `; ${count(damaged)} damaged and not copied`}.`,
  );
  if (damaged === 0) {
    print(
      `PANIC_TDA_OBJECTS=${to.root} and "${command('objects', 'use')}" make runs and workers use them there.`,
    );
  }
}
