/** The form in which settings and options give an amount of memory. */
export const MEMORY_FORMAT = 'a number of MiB or GiB, such as 6000MiB or 7.5GiB';

/** `6000MiB` or `7.5GiB` in MiB; undefined for anything else, and for less than 1 MiB. */
export function memoryMiB(text: string): number | undefined {
  const [, figure, unit] = /^(\d+(?:\.\d+)?) ?(MiB|GiB)$/.exec(text) ?? [];
  const mib = Math.floor(Number(figure) * (unit === 'GiB' ? 1024 : 1));
  return mib >= 1 ? mib : undefined;
}
