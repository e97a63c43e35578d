import { processesUnder, type ProcessUse } from '../common/process-tree.js';

/** One look at all processes of a role together. */
export interface Sample {
  /** Since sampling began. */
  readonly seconds: number;
  readonly role: string;
  /** Resident memory; pages of files and shared memory count once. */
  readonly memoryMiB: number;
}

export interface Sampler {
  readonly samples: readonly Sample[];
  /** Processor seconds of each role since the beginning, including its processes that have ended. */
  cpuSeconds(): Record<string, number>;
  stop(): void;
}

const SAMPLE_MS = 500;

/** Looks at all processes under this one, twice a second. Linux only. */
export function startSampler(): Sampler {
  const startedAt = performance.now();
  const samples: Sample[] = [];
  // By process, since a process that is started again begins at zero.
  const cpu = new Map<number, ProcessUse>();
  const look = (): void => {
    const seconds = (performance.now() - startedAt) / 1000;
    const byRole = new Map<string, ProcessUse[]>();
    for (const use of processesUnder(process.pid)) {
      if (use.pid === process.pid) continue;
      cpu.set(use.pid, use);
      byRole.set(use.role, [...(byRole.get(use.role) ?? []), use]);
    }
    for (const [role, uses] of byRole) {
      const anonymousMiB = uses.reduce((sum, use) => sum + use.anonymousMiB, 0);
      const sharedMiB = Math.max(...uses.map((use) => use.rssMiB - use.anonymousMiB));
      samples.push({ seconds, role, memoryMiB: anonymousMiB + sharedMiB });
    }
  };
  const timer = setInterval(look, SAMPLE_MS);
  look();
  return {
    samples,
    cpuSeconds() {
      look();
      const seconds: Record<string, number> = {};
      for (const { role, cpuSeconds } of cpu.values()) seconds[role] = (seconds[role] ?? 0) + cpuSeconds;
      return seconds;
    },
    stop: () => clearInterval(timer),
  };
}
