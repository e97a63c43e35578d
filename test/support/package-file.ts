import { z } from 'zod';
import { repositoryPath } from './child-processes.js';
import { readJsonFile } from './json.js';

const PackageFile = z.object({ version: z.string(), scripts: z.record(z.string(), z.string()).default({}) });

/** What tests read of the package.json of the repository. */
export const ownPackage = readJsonFile(repositoryPath('package.json'), PackageFile);

/** The version of an installed package. */
export function packageVersion(name: string): string {
  return readJsonFile(repositoryPath(`node_modules/${name}/package.json`), PackageFile).version;
}
