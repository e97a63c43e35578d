import { expect, test } from '@jest/globals';
import { Ajv, type AnySchemaObject } from 'ajv';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { repositoryPath } from '../support/child-processes.js';
import { alerts, dashboard, deployFile, queries } from '../support/deploy-files.js';
import { parsePromql } from '../support/promql.js';
import { findPromtool } from '../support/promtool.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { z } from 'zod';
import { readJsonFile } from '../support/json.js';

const promtool = findPromtool();
const withPromtool = promtool === null ? test.skip : test;

/** Names of the places in a document, as web pages make them of its headings. */
function anchorsOf(file: string): string[] {
  const headings = readFileSync(repositoryPath(file), 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

const ajv = new Ajv({ strict: false, allErrors: true, addUsedSchema: false });

/** Where a value does not fit a schema. */
function troubles(schema: AnySchemaObject | undefined, value: unknown) {
  // Compiled once, since the library keeps a schema.
  const validate = ajv.compile(schema!);
  return validate(value)
    ? []
    : validate.errors!.map(({ instancePath, message }) => ({ instancePath, message }));
}

function at(name: string): string {
  return repositoryPath(`deploy/${name}`);
}

test('each alert has a section that explains it, and each section has its alert', () => {
  const anchors = anchorsOf('docs/monitoring.md');
  const linked = alerts().map(({ annotations: { runbook } }) => runbook.split('#'));
  expect(new Set(linked.map(([file]) => file))).toEqual(new Set(['docs/monitoring.md']));
  const sections = linked.map(([, section]) => section);
  expect(sections).toEqual(alerts().map(({ alert }) => alert.toLowerCase()));
  expect(anchors.filter((anchor) => anchor.startsWith('panictda'))).toEqual(sections);
});

const AlertTests = z.object({
  tests: z.array(
    z.object({
      promql_expr_test: z.array(
        z.object({ expr: z.string(), exp_samples: z.array(z.object({ labels: z.string() })) }),
      ),
    }),
  ),
});

test('each alert is shown to fire and not to fire', () => {
  const { tests } = AlertTests.parse(parse(deployFile('alerts.test.yml')));
  const looks = tests.map(({ promql_expr_test: shown }) =>
    shown.map(({ expr, exp_samples: samples }) => {
      expect(expr).toBe('ALERTS{alertstate="firing"}');
      return samples.flatMap(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1] ?? []);
    }),
  );
  for (const { alert } of alerts()) {
    const own = looks.filter((shown) => shown.some((fired) => fired.includes(alert)));
    expect([alert, own.length > 0]).toEqual([alert, true]);
    // In the same story, so that a lack of series is not the reason for its silence.
    expect([alert, own.some((shown) => shown.some((fired) => !fired.includes(alert)))]).toEqual([
      alert,
      true,
    ]);
  }
});

test('every expression of alerts and dashboard is PromQL', () => {
  expect(() => parsePromql('sum(rate(a[5m])')).toThrow('no PromQL');
  for (const { expr } of [...alerts(), ...queries()]) {
    expect(parsePromql(expr).selectors).not.toHaveLength(0);
  }
});

test("the dashboard fits Grafana's own types", () => {
  const { Whole, OnePanel, ...options } = readJsonFile(
    repositoryPath('test/fixtures/grafana/dashboard.schema.json'),
    z.record(z.string(), z.looseObject({})),
  );
  const whole: unknown = JSON.parse(deployFile('dashboard.json'));
  expect(troubles(Whole, whole)).toEqual([]);
  expect(troubles(Whole, { ...dashboard(), graphTooltip: 7 })).not.toEqual([]);
  for (const { title, ...panel } of dashboard().panels) {
    if (panel.type === 'row') continue;
    expect([title, troubles(OnePanel, { title, ...panel })]).toEqual([title, []]);
    expect([title, troubles(options[panel.type], panel.options)]).toEqual([title, []]);
    const custom = panel.fieldConfig?.defaults.custom ?? {};
    expect([title, troubles(options['timeseriesField'], custom)]).toEqual([title, []]);
  }
});

test('panels of the dashboard have different ids, do not overlap, and query the chosen fleet', () => {
  const { panels, templating } = dashboard();
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
    expect(x + w).toBeLessThanOrEqual(24);
    return Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);
  });
  expect(new Set(cells).size).toBe(cells.length);
  expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job']);
  for (const { panel, expr } of queries()) {
    for (const { metric, labels } of parsePromql(expr).selectors) {
      expect([panel, metric, labels.get('job')]).toEqual([panel, metric, ['panic-tda']]);
    }
  }
});

withPromtool(
  'promtool accepts the rules, their tests, and the configurations of deploy/ and of the compose file',
  () => {
    expect(promtool!(['check', 'rules', at('alerts.yml')])).toMatchObject({ code: 0 });
    expect(promtool!(['test', 'rules', at('alerts.test.yml')])).toMatchObject({ code: 0 });
    expect(promtool!(['check', 'config', at('prometheus.yml')])).toMatchObject({ code: 0 });
    // Side by side, as in the container.
    const folder = temporaryFolder();
    cpSync(repositoryPath('compose/prometheus.yml'), join(folder, 'prometheus.yml'));
    cpSync(at('alerts.yml'), join(folder, 'alerts.yml'));
    expect(promtool!(['check', 'config', join(folder, 'prometheus.yml')])).toMatchObject({ code: 0 });
  },
);

withPromtool('promtool accepts every query of the dashboard', () => {
  // As rules, which promtool checks without a server.
  const rules = queries().map(({ expr }, index) => ({ record: `panel:${index}`, expr }));
  const file = join(temporaryFolder(), 'rules.yml');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  expect(promtool!(['check', 'rules', '--lint=none', file])).toMatchObject({
    code: 0,
    said: expect.stringContaining(`${rules.length} rules found`),
  });
});
