import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { repositoryPath } from './child-processes.js';

/** The text of a file in deploy/. */
export function deployFile(name: string): string {
  return readFileSync(repositoryPath(`deploy/${name}`), 'utf8');
}

const alert = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['info', 'warning', 'critical']) }),
  annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook: z.string() }),
});
const alertsFile = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })),
});

export function alerts(): z.infer<typeof alert>[] {
  return alertsFile.parse(parse(deployFile('alerts.yml'))).groups.flatMap(({ rules }) => rules);
}

/** The fields of the dashboard that the tests read; Grafana's own types describe the others. */
const panel = z.looseObject({
  id: z.int(),
  type: z.enum(['row', 'stat', 'timeseries', 'table']),
  title: z.string(),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  targets: z.array(z.looseObject({ expr: z.string(), legendFormat: z.string() })).default([]),
  options: z.unknown().optional(),
  fieldConfig: z.looseObject({ defaults: z.looseObject({ custom: z.unknown().optional() }) }).optional(),
});
const dashboardFile = z.looseObject({
  panels: z.array(panel),
  templating: z.object({
    list: z.array(z.looseObject({ name: z.string(), query: z.unknown().optional() })),
  }),
});

export function dashboard(): z.infer<typeof dashboardFile> {
  return dashboardFile.parse(JSON.parse(deployFile('dashboard.json')));
}

/** Every query of the dashboard as Grafana sends it. */
export function queries(): { readonly panel: string; readonly expr: string; readonly legend: string }[] {
  return dashboard().panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({
      panel: title,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'panic-tda'),
      legend: legendFormat,
    })),
  );
}
