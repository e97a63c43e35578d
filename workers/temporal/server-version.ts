import { FAIRNESS_SINCE, REPORTED_PROBLEMS_SINCE, TRIED_SERVER } from './service-settings.js';

const VERSION = /^v?(\d+)\.(\d+)\.(\d+)/;

/** Whether the version has a form that can be compared. */
export function isComparable(version: string): boolean {
  return VERSION.test(version);
}

/**
 * What the version of a service's server means, as a sentence without its full stop; null if there is nothing
 * to say.
 */
export function versionRemark(version: string): string | null {
  if (!isComparable(version)) {
    return `the service tells the version "${version}", from which it cannot be seen whether it is older than Temporal ${TRIED_SERVER}, with which this program was tried`;
  }
  if (!isOlder(version, TRIED_SERVER)) return null;
  const lacks = isOlder(version, FAIRNESS_SINCE)
    ? `, and before ${FAIRNESS_SINCE} a server has no fairness, so that the experiment with more open runs gets more`
    : isOlder(version, REPORTED_PROBLEMS_SINCE)
      ? `, and before ${REPORTED_PROBLEMS_SINCE} a server does not tell which workflows wait for other code`
      : '';
  return `the service is Temporal ${version}, which is older than any that this program was tried with (${TRIED_SERVER})${lacks}; its operator updates it`;
}

/** Whether the first version is older; both begin with MAJOR.MINOR.PATCH. */
function isOlder(version: string, than: string): boolean {
  const [found, wanted] = [numbersOf(version), numbersOf(than)];
  const index = found.findIndex((number, place) => number !== wanted[place]);
  return index !== -1 && found[index]! < wanted[index]!;
}

function numbersOf(version: string): number[] {
  return (VERSION.exec(version) ?? []).slice(1).map(Number);
}
