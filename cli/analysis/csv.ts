/** A cell of a table. Null is an empty cell: the value is not defined. */
export type Cell = string | number | boolean | null;

/** A record as CSV (RFC 4180), with the line break "\n". Numbers keep all their digits. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(',')}\n`;
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell !== 'string') return String(cell);
  return /[",\r\n]/.test(cell) || cell === '' ? `"${cell.replaceAll('"', '""')}"` : cell;
}

export interface CsvRecord {
  /** The line of the file on which it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** A place where a text is no CSV. */
export class CsvError extends Error {
  override readonly name = 'CsvError';
  constructor(
    readonly line: number,
    readonly found: string,
    readonly allowed: string,
  ) {
    super(`line ${line}: found ${found}; allowed: ${allowed}`);
  }
}

/**
 * The records of a CSV text (RFC 4180; a cell in quotes may hold commas, quotes and line breaks). Blank lines are left
 * out.
 *
 * Throws CsvError for a quote that is not closed, or that has text beside it.
 */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const first = line;
    const cells: string[] = [];
    for (;;) {
      const { cell, end } = text[at] === '"' ? quotedCell(text, at, line) : plainCell(text, at);
      for (let place = at; place < end; place++) if (text[place] === '\n') line++;
      cells.push(cell);
      at = end;
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++;
    at++;
    if (cells.length > 1 || cells[0] !== '') records.push({ line: first, cells });
    line++;
  }
  return records;
}

interface ReadCell {
  readonly cell: string;
  /** The place of the comma or line break after it. */
  readonly end: number;
}

function plainCell(text: string, start: number): ReadCell {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++;
  // A lone carriage return is text.
  while (text[end] === '\r' && text[end + 1] !== '\n') end = plainCell(text, end + 1).end;
  return { cell: text.slice(start, end), end };
}

function quotedCell(text: string, start: number, line: number): ReadCell {
  let end = start + 1;
  for (;;) {
    const quote = text.indexOf('"', end);
    if (quote === -1)
      throw new CsvError(line, 'a quote that is not closed', '"…" with "" for a quote within');
    end = quote + 1;
    if (text[end] !== '"') break;
    end++;
  }
  const isEnd = end >= text.length || text[end] === ',' || text[end] === '\n' || text.startsWith('\r\n', end);
  if (!isEnd) throw new CsvError(line, 'text after a closing quote', 'a comma or the end of the line');
  return { cell: text.slice(start + 1, end - 1).replaceAll('""', '"'), end };
}
