/**
 * Why a text that a user gave as a path is refused, as the end of a sentence that begins with its name; null
 * if it is accepted. Refused is a text that another program would read in another way (an address, a home
 * folder): here it would name a folder of that very name below the current one. A user who means such a
 * folder writes `./` before it.
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
 * An http or https URL; null for another text. This function is stricter than the URL standard, which mends a
 * missing or additional slash, and white space around the text.
 */
export function httpUrl(text: string): URL | null {
  return /^https?:\/\/[^/\s]+\S*$/i.test(text) && URL.canParse(text) ? new URL(text) : null;
}
