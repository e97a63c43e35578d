import { buildVersion, type BuiltVersion, type Changes } from '../../faults/common/built-version.js';
import { repositoryPath } from './child-processes.js';

export type { BuiltVersion, Changes };

/** A program with some changes to the present one, in a folder of its own. */
export function builtVersion(changes: Changes): BuiltVersion {
  return buildVersion(repositoryPath(''), changes);
}
