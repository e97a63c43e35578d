/**
 * Values at the moment of a scrape. The SDK's exporter cannot do this: it keeps showing a value that can no
 * longer be read.
 */
export interface Gauges {
  /** The label of `panic_tda_scrape_errors_total` if the values cannot be read. */
  readonly source: string;
  /** Rejects if the values cannot be read. The caller waits for the answer before it asks again. */
  read(): Promise<readonly Gauge[]>;
  /**
   * For how long values are reported again without reading them: a time, and a multiple of the time that
   * reading took.
   */
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

/** A gauge with one sample for each key of a record; the key is the value of the label. */
export function gaugeBy(
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): Gauge {
  const samples = Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return { name, help, samples };
}

/**
 * The text format of Prometheus:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
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
