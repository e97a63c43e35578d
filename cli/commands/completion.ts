import type { Command } from 'commander';
import { assertNever } from '../../common/errors.js';
import { type Candidate, type Lookups, type Offer, offerFor } from '../program/completion-words.js';
import type { GlobalOptions } from '../context.js';
import { EXIT } from '../program/exit-codes.js';
import { print, printFields, printJson } from '../terminal/output.js';
import type { Shell } from '../program/shells.js';

/**
 * `completion SHELL`: prints a script for the shell. The script asks `panic-tda complete-words` for the next
 * words.
 */
export function printCompletion(shell: Shell, json: boolean): number {
  const script = scriptOf(shell);
  if (json) printJson({ shell, script });
  else print(script.trimEnd());
  return EXIT.ok;
}

/**
 * `complete-words SHELL -- WORDS`: prints what may replace the last word, in the form that the script of the
 * shell reads.
 */
export async function printWords(program: Command, shell: Shell, words: readonly string[]): Promise<number> {
  const { words: candidates, paths } = await offerFor(program, words, lookupsFor(words));
  for (const candidate of candidates) printFields(...fieldsOf(shell, candidate));
  if (paths !== null) print(`:${paths satisfies NonNullable<Offer['paths']>}`);
  return EXIT.ok;
}

function fieldsOf(shell: Shell, { word, description }: Candidate): string[] {
  const told = description.replaceAll(/\s+/g, ' ');
  switch (shell) {
    case 'bash':
      return [word];
    case 'zsh':
      return [`${word.replaceAll(/[\\:]/g, String.raw`\$&`)}:${told}`];
    case 'fish':
      return [word, told];
    default:
      return assertNever(shell);
  }
}

/**
 * Looks up words in the data folder and the catalogue that the command line names. Finds nothing if they cannot
 * be read, and asks no server.
 */
function lookupsFor(words: readonly string[]): Lookups {
  const data = valueOf(words, '--data');
  const options: GlobalOptions = data === undefined ? {} : { data };
  return {
    experiments: () =>
      orNothing(async () => {
        const { lenientContextOf } = await import('../context.js');
        const { place } = await lenientContextOf(options);
        if (place.database !== null) return [];
        const { openStoreReadonly } = await import('../../db/index.js');
        const store = openStoreReadonly(place.folder, place.objects);
        try {
          const rows = (await store?.experiments.list()) ?? [];
          return rows.map(({ id, name, status }) => ({ word: id, description: name ?? status }));
        } finally {
          await store?.close();
        }
      }),
    models: () =>
      orNothing(async () => {
        const { lenientContextOf } = await import('../context.js');
        const models = [...(await lenientContextOf(options)).catalogue.values()];
        return models.map(({ name, summary }) => ({ word: name, description: summary }));
      }),
  };
}

/**
 * Returns nothing if the work fails. A half-typed command is no place for error messages; the command itself
 * reports them.
 */
async function orNothing<T>(work: () => Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await work();
  } catch {
    return [];
  }
}

function valueOf(words: readonly string[], option: string): string | undefined {
  const at = words.indexOf(option);
  if (at >= 0) return words[at + 1] === '=' ? words[at + 2] : words[at + 1];
  return words.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1);
}

function scriptOf(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return BASH;
    case 'zsh':
      return ZSH;
    case 'fish':
      return FISH;
    default:
      return assertNever(shell);
  }
}

const BASH = String.raw`# panic-tda in bash: source <(panic-tda completion bash)
_panic_tda() {
  local current="${'$'}{COMP_WORDS[COMP_CWORD]}" line
  [[ $current == = ]] && current=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files) compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current") ;;
      :folders) compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current") ;;
      *) COMPREPLY+=("$line") ;;
    esac
  done < <(panic-tda complete-words bash -- "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _panic_tda panic-tda
`;

const ZSH = String.raw`#compdef panic-tda
# panic-tda in zsh: source <(panic-tda completion zsh)
_panic_tda() {
  local line
  local -a candidates
  for line in "${'$'}{(@f)$(panic-tda complete-words zsh -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) _files ;;
      :folders) _files -/ ;;
      ?*) candidates+=("$line") ;;
    esac
  done
  (( ${'$'}{#candidates} )) && _describe 'panic-tda' candidates
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _panic_tda panic-tda
`;

const FISH = String.raw`# panic-tda in fish: panic-tda completion fish | source
function __panic_tda_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in (panic-tda complete-words fish -- $before[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c panic-tda -f -a '(__panic_tda_complete)'
`;
