// npm runs this before it packs. A package contains compiled code, and a clone may have none, or code of
// older sources.
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { installPackages } from './install-packages.mjs';
import { withLock } from './setup-lock.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
// Standard error, since `npm pack` writes the name of the packed file to standard output.
const say = (line) => console.error(`prepack: ${line}`);

try {
  await withLock(root, say, async () => {
    installPackages(root, say);
    await build(root, say);
  });
} catch (error) {
  console.error(`panic-tda cannot be packed. ${error.message}`);
  process.exit(1);
}
