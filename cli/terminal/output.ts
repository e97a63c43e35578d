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
 * All output of the command line goes through this file: results to standard output, the rest to standard
 * error. Much of it holds foreign text (names, captions, answers of servers). So this file makes characters
 * visible that would steer a terminal (`visible`). JSON keeps its meaning.
 */

export function print(text: string): void {
  write(process.stdout, `${text}\n`);
}

/** Prints words with tabs between them, for programs that split lines at tabs. */
export function printFields(...fields: readonly string[]): void {
  writeAsIs(process.stdout, `${fields.map((field) => visibleLine(withoutSecrets(field))).join('\t')}\n`);
}

let documents = 0;
let noted = '';

export function printJson(value: unknown): void {
  documents++;
  print(JSON.stringify(value, undefined, 2));
}

/** Whether standard output, which takes one JSON document, has received it. */
export function jsonPrinted(): boolean {
  return documents > 0;
}

/**
 * Prints one JSON document like `printJson`, with a list of any length. `document` has an empty list under
 * `key`, and the items are written as they come. The function waits for a slow reader, and ends if the reader
 * has left.
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

/** Prints any number of lines as they come. Waits and ends like `printJsonWithList`. */
export async function printLines(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    print(line);
    if (!(await isOutputReady())) return;
  }
}

/**
 * Resolves when standard output has written enough for its buffer to stay small. Returns false if it takes no
 * more.
 */
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

/** What the command last wrote to standard error. Empty if it wrote nothing. */
export function lastNote(): string {
  return noted;
}

/**
 * Marks the beginning and the end of bold text until the text is written. Each process draws its own mark, so
 * that no foreign text can contain it.
 */
const BOLD = randomUUID();

/** Makes a text bold on a terminal. */
export function heading(text: string): string {
  const isStyled = styleText('bold', 'x', { stream: process.stdout }) !== 'x';
  return isStyled ? `${BOLD}<${text}${BOLD}>` : text;
}

/** The text in the form for a terminal: our headings are bold, and no foreign character steers it. */
function shown(text: string): string {
  return visible(text).replaceAll(`${BOLD}<`, '\u001b[1m').replaceAll(`${BOLD}>`, '\u001b[22m');
}

/** Lines on standard error that redraw in place. Notes go above them. */
export interface LiveDisplay {
  above(text: string): void;
}

let display: LiveDisplay | null = null;

export function setLiveDisplay(live: LiveDisplay | null): void {
  display = live;
}

/** Columns of the terminal at standard output. Infinity for a pipe or a file, since nothing is cut there. */
export function outputWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Infinity;
}

/** Standard output or standard error. */
export type Output = NodeJS.WriteStream & { readonly fd: 1 | 2 };

/** Streams that take no more: their reader has left, or a write failed. */
const ended = new Set<NodeJS.WriteStream>();
let lost = false;

/**
 * Writes a whole text, with visible characters and without known secrets. Drops the text if the stream has
 * ended.
 */
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
 * For a file, Node's own stream makes one system call for each text. If a nearly full disk takes only a part,
 * the stream drops the rest (`SyncWriteStream` in lib/internal/fs/sync_write_stream.js).
 */
function writeWhole(descriptor: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.byteLength;) written += writeSync(descriptor, bytes, written);
}

/** Whether a stream is a file or a device. Pipes, sockets and terminals are streams that libuv writes. */
function isFile(stream: Output): boolean {
  if (stream.isTTY) return false;
  const found = fstatSync(stream.fd);
  return found.isFile() || found.isCharacterDevice() || found.isBlockDevice();
}

/**
 * Decides what a failed write means. If a reader leaves (`| head`, a closed terminal), the output ends but the
 * work continues: later text is dropped, and the exit code does not change. Any other failure (a full disk)
 * loses output that the user wants: standard error says so, and the exit code is not 0.
 */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => endOutput(stream, error));
  }
  process.on('exit', (code) => {
    // Some file systems (NFS, quotas) report only at the close that they lost data.
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

/** Writes to a terminal that was closed fail with EIO. */
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
