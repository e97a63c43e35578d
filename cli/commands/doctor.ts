import { EXIT } from '../program/exit-codes.js';
import { plural } from '../terminal/format.js';
import { heading, print, printJson } from '../terminal/output.js';
import type { Context } from '../context.js';
import { checkDataFolder, checkDatabase } from '../doctor/data.js';
import { checkDevices } from '../doctor/devices.js';
import { checkEnvironment, checkNode } from '../doctor/environment.js';
import type { DoctorOptions, Finding } from '../doctor/finding.js';
import { checkModels } from '../doctor/models.js';
import { checkProcesses } from '../doctor/processes.js';
import { checkTemporal } from '../doctor/temporal.js';

const MARK = { ok: 'ok  ', info: '    ', warning: 'warn', problem: 'FAIL' } as const;

/** `doctor`: checks everything that a run depends on, and everything that runs have stored. Changes nothing. */
export async function examine(context: Context, options: DoctorOptions): Promise<number> {
  const sections = [
    { title: 'Node', check: () => checkNode() },
    { title: 'Environment', check: () => checkEnvironment(context) },
    { title: 'Temporal', check: () => checkTemporal(context) },
    { title: 'Data folder', check: () => checkDataFolder(context) },
    { title: 'Processes', check: () => checkProcesses(context) },
    { title: 'Devices', check: () => checkDevices(context) },
    { title: 'Models', check: () => checkModels(context) },
    { title: 'Database', check: () => checkDatabase(context, options) },
  ];
  const findings: (Finding & { readonly section: string })[] = [];
  for (const { title, check } of sections) {
    if (!context.json) print(`${findings.length === 0 ? '' : '\n'}${heading(title)}`);
    for await (const finding of check()) {
      findings.push({ section: title, ...finding });
      if (!context.json) printFinding(finding);
    }
  }
  const problems = countOf('problem', findings);
  const warnings = countOf('warning', findings);
  if (context.json) printJson({ healthy: problems === 0, problems, warnings, findings });
  else print(`\n${ending(problems, warnings)}`);
  return problems === 0 ? EXIT.ok : EXIT.failed;
}

function countOf(wanted: Finding['level'], findings: readonly Finding[]): number {
  return findings.filter(({ level }) => level === wanted).length;
}

function ending(problems: number, warnings: number): string {
  if (problems === 0 && warnings === 0) return 'No problem found.';
  const warned = `${plural(warnings, 'warning')} (warn)`;
  if (problems === 0) return `Nothing failed; see the ${warned} above.`;
  const failed = `${plural(problems, 'problem')} (FAIL) above must be solved`;
  return warnings === 0 ? `${failed}.` : `${failed}; see the ${warned}, too.`;
}

function printFinding({ level, text }: Finding): void {
  print(`  ${MARK[level]}  ${text.replaceAll('\n', '\n        ')}`);
}
