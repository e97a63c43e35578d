import { chmodSync, lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { DATABASE_FILE } from '../../db/layout.js';
import { PanicError } from '../../common/errors.js';
import { errorCode } from '../../common/error-code.js';
import { userText } from '../../common/lock-holder.js';
import type { DataFolder } from './data-folder.js';

/** Rights that a folder or a file of ours does not give: `own` keeps all for the owner, `group` lets the group read. */
const CLOSED = { own: 0o077, group: 0o027 } as const;
const OTHERS_MAY_WRITE = 0o002;
const STICKY = 0o1000;

let umaskOfUser: number | undefined;
let closed: number = CLOSED.own;

/**
 * From now on every folder that this process or a child of it makes is 0700 and every file 0600, whatever the user's umask says; with
 * `shareWithGroup` 0750 and 0640. SQLite gives the files beside a database the mode of the database.
 */
export function keepFilesPrivate({ shareWithGroup }: { readonly shareWithGroup: boolean }): void {
  closed = shareWithGroup ? CLOSED.group : CLOSED.own;
  const before = process.umask(closed);
  umaskOfUser ??= before;
}

/** For what is written into the program's own folder, which other users may run. */
export function useUmaskOfUser(): void {
  if (umaskOfUser !== undefined) process.umask(umaskOfUser);
}

/** The mode of a program that was fetched. */
export function programMode(): number {
  return 0o777 & ~closed;
}

/**
 * Takes rights of other users away that a data folder of an earlier version, or of a wider umask, still gives: from the folder, its parts,
 * and the files that lie in them directly. What the objects' own folders hold is behind these. Returns sentences about what was done, or
 * cannot be: of another user's folder, and of a file system without modes.
 * @throws PanicError InvalidInput where other users may write to the folder, and one of them has made a part of it before.
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

/** What lets others enter a data folder, for people, and what becomes of that; null where nothing does. Changes nothing. */
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
    // A file system that has no modes, or may only be read. A file may have been renamed meanwhile.
    if (!UNCHANGED.has(errorCode(error) ?? '')) throw error;
  }
}

/** The rights that it gives to others; with the group's share, what the owner lets the group do is the owner's word. */
function openTo({ mode }: Stats): number {
  return mode & (closed === CLOSED.group ? 0o007 : closed);
}

/** Such as /tmp, which other programs of the machine need as it is, also where it belongs to this user: to root. */
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

/** Files of this program that lie in a folder directly. */
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
    // Not there, or not to be looked into: those who use it say so.
    return [];
  }
}

/** Links are not followed: what a part of the folder is a link to is arranged by its user. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
