// node scripts/pin-images.mjs [--update] [FOLDER]: pins each image of docker-compose.yml and Dockerfile to
// the digest that its registry has for its tag now, by `docker buildx imagetools inspect`. If a digest is
// present and differs, the script only reports it, with exit code 1, unless --update replaces it: a tag that
// moved may be a new build, or an attack.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `image:` of a service, with its anchor, and the default of an argument of the Dockerfile. Our own images
 * have no digest.
 */
const IMAGES = [
  ['docker-compose.yml', /^( *image: (?:&\w+ )?)(?!panic-tda)([^\s@*]+)(?:@(sha256:[0-9a-f]{64}))?$/gm],
  ['Dockerfile', /^(ARG \w+_IMAGE=)([^\s@]+)(?:@(sha256:[0-9a-f]{64}))?$/gm],
];

const words = process.argv.slice(2);
const update = words.includes('--update');
const [folder = fileURLToPath(new URL('..', import.meta.url)), ...others] = words.filter(
  (word) => word !== '--update',
);
if (others.length > 0 || folder.startsWith('-')) {
  console.error('usage: node scripts/pin-images.mjs [--update] [FOLDER]');
  process.exit(2);
}

try {
  const digests = new Map();
  const digestOf = (image) => {
    if (!digests.has(image)) digests.set(image, ask(image));
    return digests.get(image);
  };
  // No file is written before every registry has answered.
  const texts = IMAGES.map(([name, pattern]) => [
    join(folder, name),
    pinned(join(folder, name), pattern, digestOf),
  ]);
  for (const [file, text] of texts) writeFileSync(file, text);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function pinned(file, pattern, digestOf) {
  const text = readFileSync(file, 'utf8');
  if (text.match(pattern) === null) throw new Error(`${file} names no image that can be pinned`);
  return text.replaceAll(pattern, (line, before, image, had) => {
    const digest = digestOf(image);
    if (had === digest) return line;
    if (had !== undefined && !update) {
      console.error(`${image} is pinned to ${had}, and its registry has ${digest}: --update replaces it`);
      process.exitCode = 1;
      return line;
    }
    console.log(`${image}: ${had ?? 'no digest'} -> ${digest}`);
    return `${before}${image}@${digest}`;
  });
}

function ask(image) {
  const args = ['buildx', 'imagetools', 'inspect', image, '--format', '{{json .Manifest}}'];
  const { status, stdout, stderr, error } = spawnSync('docker', args, { encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`docker cannot tell the digest of ${image}: ${error?.message ?? stderr.trim()}`);
  const { digest } = JSON.parse(stdout);
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`docker gives no digest of ${image}`);
  return digest;
}
