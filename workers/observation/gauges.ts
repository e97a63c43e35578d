/** Values at the moment of a scrape, which the SDK's exporter cannot take back where they cannot be had any more. */
export interface Gauges {
  /** Of `panic_tda_scrape_errors_total` where they cannot be read. */
  readonly source: string;
  /** Rejects where they cannot be had. Not asked again before it has answered. */
  read(): Promise<readonly Gauge[]>;
  /** For how long, and for so many times as long as reading took, they are told again without being read. */
  readonly keptMs?: number;
  readonly keptTimes?: number;
}

export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge with one value for each key of a record, the key being the label. */
export function gaugeBy(
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): Gauge {
  const samples = Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return { name, help, samples };
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export function gaugesText(gauges: readonly Gauge[]): string {
  return gauges
    .filter(({ samples }) => samples.length > 0)
    .map(({ name, help, samples }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`,
        `# TYPE ${name} gauge\n`,
        ...samples.map(({ labels = {}, value }) => `${name}${labelsText(labels)} ${value}\n`),
      ].join(''),
    )
    .join('');
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
