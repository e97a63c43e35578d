import { spawnSync } from 'node:child_process';

export interface Checked {
  readonly code: number | null;
  readonly said: string;
}

/**
 * Prometheus' own checker: the program that PANIC_TDA_PROMTOOL names, or the one on PATH; null if there is
 * none.
 */
export function findPromtool(): ((args: readonly string[], input?: string) => Checked) | null {
  const program = process.env['PANIC_TDA_PROMTOOL'] ?? 'promtool';
  const run = (args: readonly string[], input = ''): Checked => {
    const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
    return { code: status, said: `${stdout}${stderr}` };
  };
  if (run(['--version']).code === 0) return run;
  process.stderr.write(
    'skipped: no promtool (of Prometheus) in PATH or PANIC_TDA_PROMTOOL; it is in Debian\'s package "prometheus"\n',
  );
  return null;
}
