// Prepares a clone: packages, build, Temporal CLI. Runs before `npm start` and `npm test`, and does only what
// is missing. It has no dependencies and only syntax that old Node versions can parse, since it runs before
// anything is installed or checked.
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { installPackages } from './install-packages.mjs';
import { withLock } from './setup-lock.mjs';

const oldestNode = [20, 20];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  console.error(
    `panic-tda needs Node ${oldestNode.join('.')} or later; this is Node ${process.versions.node} (${process.execPath}).`,
  );
  process.exit(1);
}

const root = fileURLToPath(new URL('..', import.meta.url));
const say = (line) => console.log(`set-up: ${line}`);

try {
  await withLock(root, say, async () => {
    await step('Installing packages', () => installPackages(root, say));
    await step('Building', () => build(root, say));
    await step('Getting the Temporal CLI', () => provideTemporalCli());
  });
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

async function step(name, work) {
  try {
    await work();
  } catch (error) {
    throw new Error(`${name} failed. ${error.message}`, { cause: error });
  }
}

async function provideTemporalCli() {
  const { configuredTemporal } = await import('../dist/workers/settings/temporal.js');
  // If a Temporal service is configured, the embedded server is not needed.
  if (configuredTemporal() !== undefined) return;
  const { readEnvironment } = await import('../dist/workers/settings/environment.js');
  const { keepFilesPrivate } = await import('../dist/workers/settings/private-files.js');
  keepFilesPrivate(readEnvironment());
  const { findTemporalCli } = await import('../dist/workers/temporal/cli.js');
  await findTemporalCli({ fetch: true, onProgress: say });
}
