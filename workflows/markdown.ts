/**
 * Makes a code span of a text from outside, so that Temporal's web UI shows the text unchanged: nothing within
 * a code span is a link, a picture or markup (https://spec.commonmark.org/0.31.2/#code-spans). The web UI reads
 * summaries and details as Markdown.
 */
export function codeSpan(text: string): string {
  const runs = text.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + runs.reduce((longest, run) => Math.max(longest, run.length), 0));
  // A line break may end the paragraph, and the span with it. Spaces separate a backtick of the text from the
  // fence.
  const line = text.replaceAll(/\s+/g, ' ');
  return /^`|`$|^ .* $/.test(line) ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`;
}
