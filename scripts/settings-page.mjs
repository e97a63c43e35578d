import { cell, withTable } from './page-table.mjs';

/**
 * A page with the table of these variables between its two marks, formatted as the formatter does.
 * @param {string} page
 * @param {readonly { readonly name: string, readonly meaning: string, readonly default: string }[]} variables
 */
export function withVariables(page, variables) {
  const rows = variables.map((variable) => [
    `\`${variable.name}\``,
    cell(variable.meaning),
    cell(variable.default),
  ]);
  return withTable(page, 'write-settings-page.mjs', ['variable', 'meaning', 'default'], rows);
}
