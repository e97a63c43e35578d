import { chmodSync, lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_FILE } from '../../db/layout.js';
import { PanicError } from '../../common/errors.js';
import { errorCode } from '../../common/error-code.js';
import { userText } from '../../common/lock-holder.js';
import type { DataFolder } from './data-folder.js';

/** Rights that our folders and files withhold: `own` keeps all for the owner, `group` lets the group read. */
const CLOSED = { own: 0o077, group: 0o027 } as const;
const OTHERS_MAY_WRITE = 0o002;
const STICKY = 0o1000;

let umaskOfUser: number | undefined;
let closed: number = CLOSED.own;

/**
 * From now on every folder that this process or a child of it makes has mode 0700 and every file 0600,
 * whatever the user's umask is; with `shareWithGroup` 0750 and 0640. SQLite gives the files beside a database
 * the mode of the database.
 */
export function keepFilesPrivate({ shareWithGroup }: { readonly shareWithGroup: boolean }): void {
  closed = shareWithGroup ? CLOSED.group : CLOSED.own;
  const before = process.umask(closed);
  umaskOfUser ??= before;
}

/** For files in the program's own folder, which other users may run. */
export function useUmaskOfUser(): void {
  if (umaskOfUser !== undefined) process.umask(umaskOfUser);
}

/** The mode of a downloaded program. */
export function programMode(): number {
  return 0o777 & ~closed;
}

/**
 * Takes rights from other users that a data folder still gives, because an earlier version or a wider umask
 * made it: from the folder, its parts, and the files directly in them. The folders of objects lie behind
 * these. Returns sentences about what was done, and about what cannot be done: a folder of another user, a
 * file system without modes.
 * @throws PanicError InvalidInput if other users may write to the folder, and one of them made a part of it
 * before.
 */
export function closeToOthers(folder: DataFolder): string[] {
  const root = statSync(folder.root, { throwIfNoEntry: false });
  const user = process.geteuid?.();
  if (root === undefined || user === undefined) return [];
  const parts = [folder.objects, folder.temporal, folder.logs].filter((part) => lookAt(part)?.isDirectory());
  const files = [folder.root, folder.temporal, folder.logs, join(folder.temporal, 'set-aside')].flatMap(
    filesOfOurs,
  );
  refusePartsOfOthers(folder.root, root, [...parts, ...files]);
  const open = openTo(root);
  if (root.uid !== user) return open === 0 ? [] : [foreignText(folder.root, root)];
  if (!isOfEveryUser(root)) close(folder.root, root, user);
  for (const path of [...parts, ...files]) close(path, lookAt(path), user);
  if (open === 0) return [];
  if (isOfEveryUser(root)) return [everyUsersText(folder.root, root)];
  const now = statSync(folder.root);
  return openTo(now) === 0
    ? [
        `Other users of this machine could enter ${folder.root}; its mode is ${modeText(now)} now. ` +
          'docs/security.md says how its group may share it.',
      ]
    : [
        `Other users of this machine may enter ${folder.root} (mode ${modeText(now)}), and its file system does not let that be changed.`,
      ];
}

/**
 * For people: what lets other users enter a data folder, and what can be done about it; null if nothing does.
 * Changes nothing.
 */
export function openToOthersText(folder: DataFolder): string | null {
  const root = statSync(folder.root, { throwIfNoEntry: false });
  if (root === undefined || openTo(root) === 0) return null;
  if (isOfEveryUser(root)) return everyUsersText(folder.root, root);
  return root.uid === process.geteuid?.()
    ? `other users of this machine may enter ${folder.root} (mode ${modeText(root)}); the next command that writes to it closes it`
    : foreignText(folder.root, root);
}

const UNCHANGED: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EROFS',
  'EINVAL',
  'ENOENT',
  'ENOSYS',
]);

function close(path: string, stats: Stats | undefined, user: number): void {
  if (stats === undefined || stats.uid !== user || openTo(stats) === 0) return;
  try {
    chmodSync(path, stats.mode & 0o7777 & ~openTo(stats));
  } catch (error) {
    // The file system has no modes, or is read-only. Or the file was renamed meanwhile.
    if (!UNCHANGED.has(errorCode(error) ?? '')) throw error;
  }
}

/** The rights that it gives to others. With `shareWithGroup`, the owner decides about the group's rights. */
function openTo({ mode }: Stats): number {
  return mode & (closed === CLOSED.group ? 0o007 : closed);
}

/**
 * A folder such as /tmp. Other programs of the machine need it as it is, also if it belongs to this user
 * (root).
 */
function isOfEveryUser({ mode }: Stats): boolean {
  return (mode & STICKY) !== 0 && (mode & OTHERS_MAY_WRITE) !== 0;
}

function everyUsersText(path: string, root: Stats): string {
  return `${path} is a folder for every user of this machine (mode ${modeText(root)}), and stays one. What is made in it now is closed to them.`;
}

function refusePartsOfOthers(path: string, root: Stats, parts: readonly string[]): void {
  if ((root.mode & OTHERS_MAY_WRITE) === 0) return;
  for (const part of parts) {
    const owner = lookAt(part)?.uid;
    if (owner === undefined || [process.geteuid?.(), root.uid, 0].includes(owner)) continue;
    throw new PanicError(
      'InvalidInput',
      `${part} belongs to ${userText(owner)}, who may have put it there for this program to find: every user may write to ${path}. ` +
        'Choose a folder of your own with --data',
    );
  }
}

function foreignText(path: string, root: Stats): string {
  return (
    `${path} belongs to ${userText(root.uid)}, and other users may enter it (mode ${modeText(root)}); ` +
    'its owner can change that. What is made in it now is closed to them.'
  );
}

function modeText({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

/** This program's files that lie directly in a folder. */
function filesOfOurs(folder: string): string[] {
  const prefix = DATABASE_FILE.replace(/\.sqlite$/, '');
  const isOurs = (name: string): boolean =>
    name.startsWith(prefix) || /^(run\.(lock|json)|workers\.lock|temporal\.sqlite|.*\.log(\.1)?$)/.test(name);
  try {
    return readdirSync(folder)
      .filter(isOurs)
      .map((name) => join(folder, name))
      .filter((path) => lookAt(path)?.isFile());
  } catch {
    // The folder is missing, or this user may not look into it. The code that uses it reports that.
    return [];
  }
}

/** Does not follow links: the user arranged a part of the folder that is a link. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
