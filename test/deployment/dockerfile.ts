import { readFileSync } from 'node:fs';
import { ROOT } from './compose-file.js';

export interface Instruction {
  readonly name: string;
  /** Continued lines are joined. */
  readonly words: string;
}

export interface Stage {
  readonly name: string;
  /** Its base: an image, with the arguments filled in, or an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of the Dockerfile, in order. */
export function readDockerfile(): Stage[] {
  const text = readFileSync(new URL('Dockerfile', ROOT), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n/g, ' ');
  const instructions = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', words = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
      return { name, words: words.replaceAll(/\s+/g, ' ').trim() };
    });
  const values = new Map<string, string>();
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const { name, words } = instruction;
    if (name === 'FROM') {
      const [, from = '', stage = ''] = /^(\S+) AS (\S+)$/.exec(words) ?? [];
      stages.push({
        name: stage,
        from: from.replace(/^\$\{(\w+)\}$/, (_, argument: string) => values.get(argument) ?? ''),
        instructions: [],
      });
    } else if (stages.length === 0 && name === 'ARG') {
      const [, argument = '', value = ''] = /^(\w+)=(.*)$/.exec(words) ?? [];
      values.set(argument, value);
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

/**
 * The files that .dockerignore lets into the build, by their names at the root. Everything else is left out.
 */
export function buildContext(): string[] {
  const lines = readFileSync(new URL('.dockerignore', ROOT), 'utf8').split('\n');
  return lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
}
