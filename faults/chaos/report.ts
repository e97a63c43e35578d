import { assertNever } from '../../common/errors.js';
import { markdownTable } from '../../bench/common/markdown.js';
import { FAULT_KINDS, type Fault } from './faults.js';
import type { DeploymentPlan } from './deployment-plan.js';
import type { RoundPlan } from './plan.js';
import type { Effect } from './stage.js';

export interface StruckFault {
  readonly fault: Fault;
  readonly effect: Effect;
}

export interface RoundResult {
  readonly plan: RoundPlan;
  readonly ms: number;
  readonly runs: number;
  /** Invocations of the undisturbed run. */
  readonly steps: number;
  readonly faults: readonly StruckFault[];
  /** Runs that failed by a fault, and were tried again. */
  readonly retried: readonly string[];
  /** Failed attempts in the log, by kind. */
  readonly failures: ReadonlyMap<string, number>;
  /** What was lost, doubled, unequal, or did not end; empty if nothing was. */
  readonly wrong: readonly string[];
  /** Where the files of the round were left; null if they were removed. */
  readonly folder: string | null;
}

/** The command that repeats a round. */
export function repeatCommand({ seed, round }: RoundPlan): string {
  return `npm run chaos -- --seed ${seed} --round ${round}`;
}

/** A line for a round that has ended. */
export function roundLine({ plan, ms, runs, steps, faults, retried, wrong, folder }: RoundResult): string {
  const kinds = FAULT_KINDS.flatMap((kind) => {
    const ofKind = faults.filter(({ fault }) => fault.kind === kind);
    return ofKind.length === 0 ? [] : [`${kind} ${tookOf(ofKind)}/${ofKind.length}`];
  });
  const experiments = plan.experiments.length;
  return [
    `seed ${plan.seed} round ${plan.round}: ${deploymentName(plan.deployment)}`,
    `${experiments} experiment${experiments === 1 ? '' : 's'}, ${runs} runs, ${steps} steps`,
    kinds.join(', '),
    ...(retried.length > 0 ? [`${retried.length} runs retried`] : []),
    `${Math.round(ms / 1000)} s`,
    wrong.length === 0 ? 'clean' : `${wrong.length} WRONG (${folder})`,
  ].join('; ');
}

function tookOf(faults: readonly StruckFault[]): number {
  return faults.filter(({ effect }) => effect.took).length;
}

/** The table at the end: faults by kind, and the failing rounds with the commands that repeat them. */
export function summary(results: readonly RoundResult[]): string {
  const faults = results.flatMap((result) => result.faults);
  const names = [...new Set(faults.map(({ fault }) => troubleKind(fault)))].sort();
  const rows = names.map((name) => {
    const ofName = faults.filter(({ fault }) => troubleKind(fault) === name);
    const rounds = results.filter((result) => result.faults.some(({ fault }) => troubleKind(fault) === name));
    return [
      name,
      String(tookOf(ofName)),
      String(ofName.length),
      String(rounds.length),
      String(rounds.filter(({ wrong }) => wrong.length > 0).length),
    ];
  });
  const bad = results.filter(({ wrong }) => wrong.length > 0);
  const deployments = [...new Set(results.map(({ plan }) => deploymentName(plan.deployment)))].sort();
  const sum = (of: (result: RoundResult) => number): number =>
    results.reduce((total, one) => total + of(one), 0);
  return [
    markdownTable(['fault', 'took effect', 'tried', 'rounds', 'of them wrong'], rows, 1),
    '',
    ...deployments.map((name) => {
      const those = results.filter(({ plan }) => deploymentName(plan.deployment) === name);
      return `${name}: ${those.length} rounds, ${those.filter(({ wrong }) => wrong.length > 0).length} wrong`;
    }),
    `${results.length} rounds, ${sum(({ runs }) => runs)} runs, ${sum(({ steps }) => steps)} steps, ` +
      `${tookOf(faults)} faults that took effect, ${sum(({ retried }) => retried.length)} runs retried, ${bad.length} rounds wrong`,
    `failed attempts that were logged: ${failuresOf(results)}`,
    ...bad.map(({ plan, folder, wrong }) => `${repeatCommand(plan)}   # ${wrong[0]}; see ${folder}`),
  ].join('\n');
}

/** "DeviceError 3, StoreUnavailable 12". */
function failuresOf(results: readonly RoundResult[]): string {
  const sums = new Map<string, number>();
  for (const { failures } of results) {
    for (const [kind, count] of failures) sums.set(kind, (sums.get(kind) ?? 0) + count);
  }
  const sorted = [...sums].sort(([a], [b]) => a.localeCompare(b));
  return sorted.map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none';
}

export function deploymentName({ kind, store, objects, workers }: DeploymentPlan): string {
  if (kind === 'embedded') return 'panic-tda run';
  const where = `${store === 'sqlite' ? 'SQLite' : 'Postgres'}${objects === 's3' ? ' and S3' : ''}`;
  return `server and ${workers.length} workers on ${where}`;
}

/** "kill of a worker", "cut link to temporal". */
function troubleKind(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
    case 'stop':
    case 'freeze':
      return `${fault.kind}: ${fault.role.replace(/ \d+$/, '')}`;
    case 'cut':
      return `cut: ${fault.link}, ${fault.how}`;
    case 'full disk':
      return `full disk: ${fault.disk}`;
    case 'slow disk':
      return 'slow disk';
    case 'operator':
      return `operator: ${fault.operation}`;
    default:
      return assertNever(fault);
  }
}

/** "at 37 % + 0.3 s: kill worker 1, for 2.0 s". */
export function describeFault(fault: Fault): string {
  const { progress, plusMs } = fault.at;
  return `at ${Math.round(100 * progress)} % of the steps + ${seconds(plusMs)}: ${describeTrouble(fault)}, ${seconds(fault.lastsMs)}`;
}

function describeTrouble(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return `SIGKILL to ${fault.role}`;
    case 'stop':
      return `${fault.signal}${fault.twice ? ' twice' : ''} to ${fault.role}`;
    case 'freeze':
      return `SIGSTOP to ${fault.role}`;
    case 'cut':
      return `link to ${fault.link} cut for ${fault.worker === null ? 'all processes' : `worker ${fault.worker}`} (${fault.how})`;
    case 'full disk':
      return `disk "${fault.disk}" full`;
    case 'slow disk':
      return `disk slow (${fault.syncMs} ms to sync, ${fault.writeMs} ms to write)`;
    case 'operator':
      return `operator: ${fault.operation}`;
    default:
      return assertNever(fault);
  }
}

/** What `--plan` prints of a round. */
export function describeRound(plan: RoundPlan): string {
  const { deployment, experiments, faults } = plan;
  return [
    `seed ${plan.seed} round ${plan.round}: ${deploymentName(deployment)}` +
      `${deployment.workers.length > 0 ? ` (${deployment.workers.join('; ')}; the server's journal: ${deployment.journal})` : ''}, ${deployment.activityMs} ms an activity`,
    ...experiments.map((experiment) => `  ${JSON.stringify(experiment)}`),
    ...faults.map((fault) => `  ${describeFault(fault)}`),
  ].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
