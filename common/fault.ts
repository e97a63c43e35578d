import { existsSync, writeFileSync } from 'node:fs';

/**
 * Every durable step of the pipeline by name, so that a crash drill can end the process exactly there. A
 * point `before-…` stands just before the write becomes durable, and a point `after-…` just behind it.
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
  'prompts:before-commit',
  'prompts:after-commit',
  'embedding:before-return',
  'statistics:before-commit',
  'statistics:after-commit',
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
 * Arms one fault for this process. `spec` is `point@hit@marker-file` (SIGKILL at that hit) or the same with a
 * trailing `@stop` (SIGSTOP instead, for drills of frozen workers). The fault fires only once in all: the
 * process first writes the marker file, and a process that finds the file never fires.
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

/**
 * Ends (or freezes) the process if the armed fault is at this point and this hit. Otherwise it does nothing.
 */
export function faultPoint(point: FaultPoint): void {
  if (armed?.point !== point || ++hits !== armed.hit || existsSync(armed.marker)) return;
  writeFileSync(armed.marker, `${process.pid}\n`, { flag: 'wx', flush: true });
  process.kill(process.pid, armed.stop ? 'SIGSTOP' : 'SIGKILL');
}
