import { relativePathProblem } from '../../common/relative-path.js';

/** The suffix of an unfinished download (`download.ts`). */
export const PART_SUFFIX = '.part';
export const PART_TAG_SUFFIX = '.part.etag';

/** Names that the program itself writes in a models folder. */
const OWN_NAME = /^(models\.lock\.json.*|pull\.lock|\.in-use)$/i;

/** Why a text is not the path of a model's file, in the words of `relativePathProblem`; null where it is one. */
export function modelPathProblem(path: string): string | null {
  const problem = relativePathProblem(path);
  if (problem !== null) return problem;
  const own = path.split('/').find((name) => OWN_NAME.test(name));
  if (own !== undefined) return `has the name "${own}", which is one of this program's own files`;
  const folded = path.toLowerCase();
  const suffix = [PART_SUFFIX, PART_TAG_SUFFIX].find((ending) => folded.endsWith(ending));
  return suffix === undefined ? null : `ends with "${suffix}", as unfinished downloads do`;
}
