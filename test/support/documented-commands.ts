import { readFileSync } from 'node:fs';

/**
 * The commands of a page's shell blocks, in their order: each as the words that a shell makes of it. It
 * supports no variables, pipes or substitutions.
 */
export function documentedCommands(page: string): string[][] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) =>
    block!
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.startsWith('#'))
      .map(wordsOf),
  );
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

/** The words that follow `--name`. */
export function valuesOf(words: readonly string[], name: string): string[] {
  return words.flatMap((word, index) => (words[index - 1] === `--${name}` ? [word] : []));
}
