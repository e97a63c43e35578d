import { afterAll, describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingRequirements } from '../../faults/machines/requirements.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';
import { ownPackage } from '../support/package-file.js';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const SCRIPT = join(DIST, 'faults', 'machines', 'main.js');
const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-hosts-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const missing = missingRequirements(process.env['PATH']);
const here = missing.length === 0 ? test : test.skip;
if (missing.length > 0) console.log(`tests of hosts in namespaces are skipped: ${missing.join('; ')}`);

describe('npm run hosts', () => {
  test('says what the machine lacks, starts nothing, and ends with 77', () => {
    // Without PATH no program is found; the test starts Node by its full path.
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT], {
      encoding: 'utf8',
      env: { PATH: folder, TMPDIR: folder },
    });
    expect(status).toBe(77);
    expect(stderr).toContain('the program ip is not on PATH (iproute2');
    expect(stderr).toContain('the program go is not on PATH');
    expect(stderr).toContain('Nothing was started.');
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    [['--runs', '3'], '--runs is 3; expected a whole number from 12 to 100000'],
    [['--cut', '1s'], '--cut is 1s; expected a whole number'],
    [['--hosts', '9'], "Unknown option '--hosts'"],
  ])('refuses %j with 2', (words, sentence) => {
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT, ...words], { encoding: 'utf8' });
    expect(stderr).toContain(sentence);
    expect(status).toBe(2);
  });
});

test('the nightly checks run npm scripts that exist, this one among them', () => {
  const nightly = readFileSync(new URL('../../.ci/nightly', import.meta.url), 'utf8');
  const suites = /^suites=\((.*)\)$/m.exec(nightly)?.[1]?.split(' ') ?? [];
  expect(suites).toContain('hosts');
  expect(Object.keys(ownPackage.scripts)).toEqual(expect.arrayContaining(suites));
});

const Milliseconds = z.number().nullable();
const Seen = z.object({
  plugged: Milliseconds,
  unplugged: Milliseconds,
  pluggedAgain: Milliseconds,
  delayed: Milliseconds,
  frames: z.object({ frames: z.number(), dropped: z.number() }),
  cableEnded: z.number().nullable(),
});

here(
  'a host can be reached, cut off, and reached through a cable that delays and drops; nothing stays',
  () => {
    const cable = join(folder, 'cable');
    execFileSync('go', ['build', '-o', cable, join(DIST, 'faults', 'machines', 'cable.go')], {
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: 'pipe',
    });
    const program = fileURLToPath(new URL('two-machines.mjs', import.meta.url));
    const before = links();
    const output = execFileSync('unshare', [...NAMESPACES, process.execPath, program, DIST, cable], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', TWO_HOSTS: folder },
    });
    const seen = readJson(output, Seen);
    expect(seen.plugged).not.toBeNull();
    expect(seen.unplugged).toBeNull();
    expect(seen.pluggedAgain).not.toBeNull();
    // There and back, at least twice 45 ms.
    expect(seen.delayed).toBeGreaterThan(90);
    expect(seen.frames.dropped).toBeGreaterThan(0);
    expect(seen.frames.dropped).toBeLessThan(seen.frames.frames);
    expect(seen.cableEnded).not.toBeNull();
    expect(links()).toBe(before);
    expect(processesWithVariable(`TWO_HOSTS=${folder}`)).toEqual([]);
  },
);

function links(): string {
  return (
    execFileSync('ip', ['-oneline', 'link', 'show'], { encoding: 'utf8' }) +
    String(execFileSync('ip', ['netns', 'list']))
  );
}

function processesWithVariable(variable: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable);
      } catch {
        return false;
      }
    });
}
