import { styleText } from 'node:util';

/** Everything that the command line says goes through here: results to standard output, the rest to standard error. */

export function print(text: string): void {
  write(process.stdout, `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

export function note(text: string): void {
  if (display === null) write(process.stderr, `${text}\n`);
  else display.above(text);
}

/** Text that is bold on a terminal. */
export function heading(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
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

const closed = new Set<NodeJS.WriteStream>();

function write(stream: NodeJS.WriteStream, text: string): void {
  if (!closed.has(stream)) stream.write(text);
}

/**
 * A reader that goes away (`| head`, a closed terminal) ends the talking and not the work: what is written after it is
 * dropped, and the exit code stays what it is.
 */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => closed.add(stream));
  }
}
