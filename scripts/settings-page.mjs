const BEGIN = '<!-- scripts/write-settings-page.mjs writes this table. -->';
const END = '<!-- The table ends here. -->';

/**
 * A page with the table of these variables between its two marks, formatted as the formatter does.
 * @param {string} page
 * @param {readonly { readonly name: string, readonly meaning: string, readonly default: string }[]} variables
 */
export function withVariables(page, variables) {
  const [before, after, ...more] = page.split(new RegExp(`(?<=${BEGIN})[^]*(?=${END})`));
  if (after === undefined || more.length > 0) throw new Error(`the page has no "${BEGIN}" and "${END}"`);
  const rows = variables.map((variable) => [
    `\`${variable.name}\``,
    cell(variable.meaning),
    cell(variable.default),
  ]);
  return `${before}\n\n${table(['variable', 'meaning', 'default'], rows)}\n\n${after}`;
}

/** Escapes text for a cell: no bar ends the cell, and no angle bracket begins an element. */
function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('<', '\\<');
}

function table(header, rows) {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells) => `| ${cells.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`;
  return [header, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}
