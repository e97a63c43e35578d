import { z } from 'zod';
import { readJson } from './json.js';

/** A metric that an expression reads. */
export interface Selector {
  readonly metric: string;
  /**
   * Values that each label is compared with; the alternatives of a regular expression are listed one by one.
   */
  readonly labels: ReadonlyMap<string, readonly string[]>;
}

export interface Expression {
  readonly selectors: readonly Selector[];
  /** Labels by which results are grouped or joined. */
  readonly grouping: readonly string[];
}

interface Node {
  readonly name: string;
  readonly type: { readonly isError: boolean };
  readonly from: number;
  readonly to: number;
}

interface Parser {
  parse(text: string): { iterate(spec: { enter(node: Node): void }): void };
}

const GRAMMAR: string = '@prometheus-io/lezer-promql';
const { parser }: { readonly parser: Parser } = await import(GRAMMAR);

/** @throws Error if the text is no PromQL, by the grammar of Prometheus' own web page. */
export function parsePromql(text: string): Expression {
  const selectors: { metric: string; labels: Map<string, string[]> }[] = [];
  const grouping: string[] = [];
  let inGrouping = -1;
  let label = '';
  parser.parse(text).iterate({
    enter({ name, type, from, to }) {
      const word = text.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at ${from}, before "${text.slice(from)}": ${text}`);
      if (name === 'VectorSelector') selectors.push({ metric: '', labels: new Map() });
      else if (name === 'Identifier') selectors.at(-1)!.metric = word;
      else if (name === 'GroupingLabels') inGrouping = to;
      else if (name === 'LabelName' && from < inGrouping) grouping.push(word);
      else if (name === 'LabelName') selectors.at(-1)!.labels.set((label = word), []);
      else if (name === 'StringLiteral' && selectors.at(-1)?.labels.has(label)) {
        selectors.at(-1)!.labels.set(label, readJson(word, z.string()).split('|'));
      }
    },
  });
  return { selectors, grouping };
}
