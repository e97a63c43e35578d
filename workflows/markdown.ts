/**
 * A text of others as the web UI of Temporal shows it: as it is, since nothing within a code span is a link, a picture or markup
 * (https://spec.commonmark.org/0.31.2/#code-spans). Summaries and details are Markdown there.
 */
export function codeSpan(text: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + runs.reduce((longest, run) => Math.max(longest, run.length), 0));
  // A line break may end the paragraph, and the span with it. Spaces keep a backtick of the text from the fence.
  const line = text.replaceAll(/\s+/g, ' ');
  return /^`|`$|^ .* $/.test(line) ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`;
}
