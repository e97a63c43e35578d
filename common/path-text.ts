/**
 * Why a text that a user gave as a path is not taken for one, as the end of a sentence that begins with its name; null where it is
 * taken as it is. Refused is what another program would have read otherwise (an address, a home folder), and would here name a folder
 * of that very name below the current one. A path that is meant so can be given with `./` before it.
 */
export function pathProblem(text: string): string | null {
  if (text === '') return 'is empty';
  if (text.trim() === '') return 'is blank';
  if (/^\s+(\/|~|[a-z][a-z0-9+.-]*:\/)/i.test(text)) return 'begins with white space';
  if (/^[a-z][a-z0-9+.-]*:\/+/i.test(text)) return 'is an address and no path';
  if (/^~(\/|$)/.test(text)) return 'begins with "~", which only a shell replaces by the home folder';
  if (/^~[a-z_][\w-]*\//.test(text))
    return 'begins with "~" and a name, which only a shell replaces by a home folder';
  if (/^\$(\w+|\{\w+\})(\/|$)/.test(text))
    return 'begins with a variable, which only a shell replaces by its value';
  return null;
}

/**
 * An http or https URL; null for another text. Stricter than the URL standard, which mends what has a slash too few or too many,
 * and white space around it.
 */
export function httpUrl(text: string): URL | null {
  return /^https?:\/\/[^/\s]+\S*$/i.test(text) && URL.canParse(text) ? new URL(text) : null;
}
