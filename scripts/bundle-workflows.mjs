// node scripts/bundle-workflows.mjs <compiled workflows/index.js> <bundle.js>
//
// With a bundle made beforehand a worker starts in 0.7 s instead of 1.7 s.
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [workflowsPath, bundlePath] = process.argv.slice(2);
if (bundlePath === undefined) throw new Error('usage: bundle-workflows.mjs <workflows/index.js> <bundle.js>');
const throughLink = process.execArgv.includes('--preserve-symlinks');
const { code } = await bundleWorkflowCode({
  workflowsPath,
  payloadConverterPath: join(dirname(workflowsPath), 'payload-converter.js'),
  workflowInterceptorModules: [join(dirname(workflowsPath), 'fit.js')],
  logger: new DefaultLogger('WARN'),
  // If webpack cannot read the path of a folder, the build reaches it through a link, and webpack has to keep
  // to the link.
  webpackConfigHook: (config) => (throughLink ? keepToLinks(config) : config),
});
writeFileSync(bundlePath, code);

function keepToLinks(config) {
  return {
    ...config,
    context: fileURLToPath(new URL('..', import.meta.url)),
    resolve: { ...config.resolve, symlinks: false },
    resolveLoader: { ...config.resolveLoader, symlinks: false },
  };
}
