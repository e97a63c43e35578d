import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '../../bench/common/command.js';
import type { Host } from './machine.js';
import { runsLeft, runsOn, runsUnderWay, type Site } from './site.js';
import { nextSteps, total, untilTrue, type NextSteps } from './watch.js';

/** What an event did to the runs that it met. */
export interface Effect {
  /** How long the trouble itself lasted. */
  readonly lastedMs: number;
  readonly runs: number;
  /** Whether `next` counts from the beginning of the trouble or from its end. */
  readonly after: 'beginning' | 'end';
  readonly next: NextSteps;
  /** What else was seen. */
  readonly remarks: readonly string[];
}

export interface TroubleEvent {
  readonly name: string;
  happen(site: Site): Promise<Effect>;
}

export interface EventRecord extends Effect {
  readonly name: string;
  /** Since the experiment was started. */
  readonly atMs: number;
  /** Failed attempts that were logged meanwhile. */
  readonly failures: number;
  /** Services that ended by themselves meanwhile, and were started again. */
  readonly restarts: number;
}

/** A run makes a step every few tenths of a second; a step that takes longer than this does not come. */
const LIMIT_MS = 180_000;
/** After this time a killed host comes back; by then others have taken its work. */
const HOST_AWAY_MS = 20_000;
/** Steps that were under way at the cut may appear a moment later. */
const SETTLED_MS = 2000;
const TOO_SMALL =
  'hardly a run was left before the last event was over; the experiment must be larger (--runs)';
const BAD_CABLE = { delayMs: 40, jitterMs: 20, loss: 0.05 };

export const EVENTS: readonly TroubleEvent[] = [
  { name: 'worker host killed (no goodbye), back after 20 s', happen: (site) => killHost(site, site.gpuA) },
  { name: "cable of the server's host out", happen: cutServer },
  {
    name: `packets of a worker host delayed by ${BAD_CABLE.delayMs} ± ${BAD_CABLE.jitterMs} ms, ${100 * BAD_CABLE.loss} % dropped, each way`,
    happen: dropPackets,
  },
  { name: 'Postgres restarted', happen: (site) => restartService(site, 'postgres', 'SIGINT') },
  {
    name: 'Postgres killed (recovers from its log)',
    happen: (site) => restartService(site, 'postgres', 'SIGQUIT'),
  },
  { name: 'S3 service killed', happen: (site) => restartService(site, 'objects', 'SIGKILL') },
  { name: 'Temporal server killed', happen: (site) => restartService(site, 'temporal', 'SIGKILL') },
  { name: 'the only host of workflows and diagrams killed, back after 20 s', happen: killWorkflowHost },
  { name: 'worker asked to stop (SIGTERM), started again', happen: drainWorker },
];

/** Makes an event happen, and waits until its runs have gone on. */
export async function record(site: Site, event: TroubleEvent, startedAt: number): Promise<EventRecord> {
  const hosts = [site.server, site.gpuA, site.gpuB, site.cpu];
  const restarts = (): number => hosts.reduce((sum, host) => sum + host.restarts, 0);
  const before = { failures: await site.records.failures(), restarts: restarts() };
  const atMs = performance.now() - startedAt;
  const effect = await event.happen(site);
  if ((await runsLeft(site)) < site.concurrency) {
    throw new CommandError(TOO_SMALL);
  }
  return {
    ...effect,
    name: event.name,
    atMs,
    failures: (await site.records.failures()) - before.failures,
    restarts: restarts() - before.restarts,
  };
}

async function killHost(site: Site, host: Host): Promise<Effect> {
  const runs = await untilBusy(site, host);
  const since = performance.now();
  await host.powerOff();
  const before = await site.records.steps();
  const next = await nextSteps(() => site.records.steps(), runs, { before, since, limitMs: LIMIT_MS });
  await sleep(Math.max(0, HOST_AWAY_MS - (performance.now() - since)));
  const lastedMs = performance.now() - since;
  const back = performance.now();
  host.powerOn();
  await untilBusy(site, host);
  const remark = `back at work ${seconds(performance.now() - back)} after its start`;
  return { lastedMs, runs: runs.length, after: 'beginning', next, remarks: [remark] };
}

async function cutServer(site: Site): Promise<Effect> {
  const runs = await runsUnderWay(site);
  const since = performance.now();
  site.server.network.unplug();
  await sleep(SETTLED_MS);
  const atFirst = await site.records.steps();
  await sleep(Math.max(0, site.cutMs - SETTLED_MS));
  const before = await site.records.steps();
  const made = total(before) - total(atFirst);
  if (made > 0) throw new Error(`${made} steps were stored while the server's cable was out`);
  const back = performance.now();
  site.server.network.plug();
  const next = await nextSteps(() => site.records.steps(), runs, { before, since: back, limitMs: LIMIT_MS });
  return { lastedMs: back - since, runs: runs.length, after: 'end', next, remarks: ['no step meanwhile'] };
}

async function dropPackets(site: Site): Promise<Effect> {
  const runs = await untilBusy(site, site.gpuB);
  const since = performance.now();
  const before = await site.records.steps();
  const cable = await site.gpuB.network.useBadCable(BAD_CABLE);
  const next = await nextSteps(() => site.records.steps(), runs, { before, since, limitMs: LIMIT_MS });
  await sleep(Math.max(0, site.cutMs - (performance.now() - since)));
  const lastedMs = performance.now() - since;
  const { frames, dropped } = await cable.end();
  const after = await site.records.steps();
  const made = total(after) - total(before);
  const remarks = [`${dropped} of ${frames} frames dropped`, `${made} steps of all runs meanwhile`];
  return { lastedMs, runs: runs.length, after: 'beginning', next, remarks };
}

async function restartService(site: Site, service: string, signal: NodeJS.Signals): Promise<Effect> {
  const runs = await runsUnderWay(site);
  const since = performance.now();
  await site.server.hold(service, signal);
  site.server.release(service);
  const lastedMs = performance.now() - since;
  const before = await patientSteps(site);
  const next = await nextSteps(() => patientSteps(site), runs, { before, since, limitMs: LIMIT_MS });
  return { lastedMs, runs: runs.length, after: 'beginning', next, remarks: [] };
}

async function killWorkflowHost(site: Site): Promise<Effect> {
  const runs = await runsUnderWay(site);
  const since = performance.now();
  await site.cpu.powerOff();
  await sleep(HOST_AWAY_MS);
  const before = await site.records.steps();
  site.cpu.powerOn();
  const lastedMs = performance.now() - since;
  const next = await nextSteps(() => site.records.steps(), runs, {
    before,
    since: performance.now(),
    limitMs: LIMIT_MS,
  });
  return { lastedMs, runs: runs.length, after: 'end', next, remarks: [] };
}

async function drainWorker(site: Site): Promise<Effect> {
  const runs = await untilBusy(site, site.gpuB);
  const since = performance.now();
  await site.gpuB.hold('worker', 'SIGTERM');
  const goneMs = performance.now() - since;
  const before = await site.records.steps();
  const next = await nextSteps(() => site.records.steps(), runs, { before, since, limitMs: LIMIT_MS });
  const lastedMs = performance.now() - since;
  site.gpuB.release('worker');
  await untilBusy(site, site.gpuB);
  return {
    lastedMs,
    runs: runs.length,
    after: 'beginning',
    next,
    remarks: [`ended ${seconds(goneMs)} after the signal`],
  };
}

/** The runs of a host, as soon as it has some. */
async function untilBusy(site: Site, host: Host): Promise<number[]> {
  let runs: number[] = [];
  const busy = async (): Promise<boolean> => {
    if ((await runsLeft(site)) === 0) throw new CommandError(TOO_SMALL);
    runs = await runsOn(site, host);
    return runs.length > 0;
  };
  await untilTrue(`${host.network.name} works on a run`, busy, LIMIT_MS);
  return runs;
}

/** Repeats the reading, since the database itself may be away. */
async function patientSteps(site: Site): ReturnType<Site['records']['steps']> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await site.records.steps();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(100);
  }
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
