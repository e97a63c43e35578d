import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { styleText } from 'node:util';
import { errorCode } from '../../common/error-code.js';
import { errorMessage } from '../../common/errors.js';
import { withoutSecrets } from '../../common/secrets.js';
import { visible, visibleLine } from '../../common/text.js';
import { EXIT } from '../program/exit-codes.js';

/**
 * Everything that the command line says goes through here: results to standard output, the rest to standard error. Much of it holds
 * text of others (names, captions, what servers say), so this is where characters that steer a terminal are made visible (`visible`);
 * JSON keeps its meaning by that.
 */

export function print(text: string): void {
  write(process.stdout, `${text}\n`);
}

/** Words with tabs between them, for programs that split lines there. */
export function printFields(...fields: readonly string[]): void {
  writeAsIs(process.stdout, `${fields.map((field) => visibleLine(withoutSecrets(field))).join('\t')}\n`);
}

let documents = 0;
let noted = '';

export function printJson(value: unknown): void {
  documents++;
  print(JSON.stringify(value, undefined, 2));
}

/** Whether a JSON document has gone to standard output, which takes one. */
export function jsonPrinted(): boolean {
  return documents > 0;
}

/**
 * One JSON document like `printJson`, of which the list `key`, an empty one in `document`, may be of any length: its items are written as
 * they come. A reader that is slow is waited for; one that left ends it.
 */
export async function printJsonWithList<T extends Readonly<Record<K, readonly unknown[]>>, K extends string>(
  document: T,
  key: K,
  items: AsyncIterable<T[K][number]>,
): Promise<void> {
  const placeholder = randomUUID();
  const whole = JSON.stringify({ ...document, [key]: placeholder }, undefined, 2);
  const [before = '', after = ''] = whole.split(`"${placeholder}"`);
  write(process.stdout, `${before}[`);
  let separator = '\n    ';
  for await (const item of items) {
    const text = JSON.stringify(item, undefined, 2).replaceAll('\n', '\n    ');
    write(process.stdout, `${separator}${text}`);
    separator = ',\n    ';
    if (!(await isOutputReady())) return;
  }
  print(`${separator.startsWith(',') ? '\n  ' : ''}]${after}`);
}

/** Lines of any number, as they come; otherwise as `printJsonWithList`. */
export async function printLines(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    print(line);
    if (!(await isOutputReady())) return;
  }
}

/** Resolves once standard output has written enough of what it was given, so that its buffer stays small; false where it takes nothing more. */
async function isOutputReady(): Promise<boolean> {
  const { stdout } = process;
  if (!stdout.writableNeedDrain || ended.has(stdout)) return !ended.has(stdout);
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race(
    ['drain', 'close', 'error'].map((event) => once(stdout, event, { signal }).catch(() => undefined)),
  );
  waiting.abort();
  return !ended.has(stdout);
}

export function note(text: string): void {
  noted = text;
  if (display === null) write(process.stderr, `${text}\n`);
  else display.above(text);
}

/** What the command last wrote to standard error; empty where it wrote nothing. */
export function lastNote(): string {
  return noted;
}

/** Stands for the beginning and the end of bold text until it is written. Drawn anew by each process, so that no text of others can hold it. */
const BOLD = randomUUID();

/** Text that is bold on a terminal. */
export function heading(text: string): string {
  const isStyled = styleText('bold', 'x', { stream: process.stdout }) !== 'x';
  return isStyled ? `${BOLD}<${text}${BOLD}>` : text;
}

/** A text as a terminal may have it: ours is bold where it is to be, and no character of others acts. */
function shown(text: string): string {
  return visible(text).replaceAll(`${BOLD}<`, '\u001b[1m').replaceAll(`${BOLD}>`, '\u001b[22m');
}

/** Lines that redraw in place on standard error; notes go above them. */
export interface LiveDisplay {
  above(text: string): void;
}

let display: LiveDisplay | null = null;

export function setLiveDisplay(live: LiveDisplay | null): void {
  display = live;
}

/** Columns of the terminal that standard output is, or Infinity where it is a pipe or a file: nothing is cut there. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Infinity;
}

/** Standard output or standard error. */
export type Output = NodeJS.WriteStream & { readonly fd: 1 | 2 };

/** Streams that take nothing more: their reader left, or they could not be written. */
const ended = new Set<NodeJS.WriteStream>();
let lost = false;

/** Writes a text as a whole, made visible and without known secrets. What is written to a stream that has ended is dropped. */
export function write(stream: Output, text: string): void {
  writeAsIs(stream, shown(withoutSecrets(text)));
}

function writeAsIs(stream: Output, text: string): void {
  if (ended.has(stream)) return;
  if (!isFile(stream)) {
    stream.write(text);
    return;
  }
  try {
    writeWhole(stream.fd, Buffer.from(text));
  } catch (error) {
    endOutput(stream, error);
  }
}

/**
 * Node's own stream of a file makes one system call for each text, and passes over what a nearly full disk did not take of it
 * (`SyncWriteStream` in lib/internal/fs/sync_write_stream.js).
 */
function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
}

/** Whether a stream is a file or a device; pipes, sockets and terminals are streams that libuv writes. */
function isFile(stream: Output): boolean {
  if (stream.isTTY) return false;
  const found = fstatSync(stream.fd);
  return found.isFile() || found.isCharacterDevice() || found.isBlockDevice();
}

/**
 * Decides what a failed write means. A reader that goes away (`| head`, a closed terminal) ends the talking and not the work:
 * what is written after it is dropped, and the exit code stays what it is. Any other failure (a full disk) loses output that
 * the caller wants: standard error says so, and the exit code is not 0.
 */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => endOutput(stream, error));
  }
  process.on('exit', (code) => {
    // Some file systems (NFS, quotas) say only at the close that they did not keep what they took.
    for (const stream of [process.stdout, process.stderr]) closeFile(stream);
    if (lost && code === EXIT.ok) process.exitCode = EXIT.unknown;
  });
}

function endOutput(stream: NodeJS.WriteStream, error: unknown): void {
  if (ended.has(stream)) return;
  ended.add(stream);
  if (isReaderGone(stream, error)) return;
  lost = true;
  if (stream === process.stderr) return;
  note(`panic-tda: standard output could not be written, and is incomplete: ${reasonOf(error)}`);
}

/** A terminal that was closed answers EIO. */
function isReaderGone(stream: NodeJS.WriteStream, error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EPIPE' || code === 'ECONNRESET' || (code === 'EIO' && stream.isTTY);
}

function reasonOf(error: unknown): string {
  return errorCode(error) === 'ENOSPC' ? 'the disk is full (ENOSPC)' : errorMessage(error);
}

function closeFile(stream: Output): void {
  if (ended.has(stream) || !isFile(stream)) return;
  try {
    closeSync(stream.fd);
  } catch (error) {
    endOutput(stream, error);
  }
}
