import { existsSync, writeFileSync } from 'node:fs';

/**
 * Every durable step of the pipeline, named so that a crash drill can end the process exactly there.
 * Points named `before-…` stand just before the write becomes durable, `after-…` just behind it.
 */
export const FAULT_POINTS = [
  'plan:before-commit',
  'plan:after-commit',
  'object:before-write',
  'object:after-write',
  'invocation:before-commit',
  'invocation:after-commit',
  'invocations:before-return',
  'vectors:before-commit',
  'vectors:after-commit',
  'embedding:before-return',
  'diagram:before-commit',
  'diagram:after-commit',
  'surrogate:before-commit',
  'surrogate:after-commit',
  'diagram:before-return',
  'finish:before-commit',
  'finish:after-commit',
  'delete:after-mark',
  'delete:before-commit',
  'delete:after-rows',
  'delete:after-object',
  'merge:after-object',
  'merge:before-commit',
  'merge:after-commit',
  'upgrade:before-copy',
  'upgrade:after-copy',
  'upgrade:after-commit',
  'backup:after-database',
  'backup:after-objects',
  'backup:after-manifest',
  'backup:after-adopted',
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

let armed: { point: string; hit: number; marker: string; stop: boolean } | null = null;
let hits = 0;

/**
 * Arms one fault for this process. `spec` is `point@hit@marker-file` (SIGKILL at that hit) or the same with a trailing
 * `@stop` (SIGSTOP instead, for drills of frozen workers). It fires once in all: the marker file is written first, and
 * a process that finds it there never fires.
 */
export function armFault(spec: string): void {
  const [point, hit, marker, action, ...rest] = spec.split('@');
  const known = FAULT_POINTS.some((name) => name === point);
  if (
    !known ||
    !/^[1-9]\d*$/.test(hit ?? '') ||
    !marker ||
    rest.length > 0 ||
    (action ?? 'stop') !== 'stop'
  ) {
    throw new Error(
      `fault "${spec}" is not point@hit@marker-file[@stop] with a point of: ${FAULT_POINTS.join(', ')}`,
    );
  }
  armed = { point: point!, hit: Number(hit), marker, stop: action === 'stop' };
}

/** Ends (or freezes) the process when the armed fault is here and now; otherwise does nothing. */
export function faultPoint(point: FaultPoint): void {
  if (armed?.point !== point || ++hits !== armed.hit || existsSync(armed.marker)) return;
  writeFileSync(armed.marker, `${process.pid}\n`, { flag: 'wx', flush: true });
  process.kill(process.pid, armed.stop ? 'SIGSTOP' : 'SIGKILL');
}
