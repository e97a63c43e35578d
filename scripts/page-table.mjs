/**
 * A page with another table between its two marks.
 * @param {string} page
 * @param {string} script that writes the table, as the first mark names it
 * @param {readonly string[]} header
 * @param {readonly (readonly string[])[]} rows
 */
export function withTable(page, script, header, rows) {
  const begin = `<!-- scripts/${script} writes this table. -->`;
  const end = '<!-- The table ends here. -->';
  const [before, after, ...more] = page.split(new RegExp(`(?<=${begin})[^]*?(?=${end})`));
  if (after === undefined || more.length > 0) throw new Error(`the page has no "${begin}" and "${end}"`);
  return `${before}\n\n${table(header, rows)}\n\n${after}`;
}

/** Escapes text for a cell: no bar ends the cell, and no angle bracket begins an element. */
export function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}

/** A table, formatted as the formatter does. */
function table(header, rows) {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells) => `| ${cells.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`;
  return [header, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}
