import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { experimentId } from '../../experiment/ids.js';
import { createProgram } from '../../cli/program/create-program.js';
import { offerFor } from '../../cli/program/completion-words.js';
import { picture } from '../support/small-experiment.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { dummyConfig, storeOutputs } from '../support/stored-run.js';

afterAll(cleanUp);

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const FINGERPRINT = { runtime: 'node', runtimeVersion: '1', device: 'cpu', dtype: 'none', files: {} };
const ID = experimentId(dummyConfig);

/** A folder with an experiment, files and folders. PATH finds a `panic-tda`. */
let folder: string;
beforeAll(async () => {
  folder = folderWith({ 'experiment one.json': {}, 'experiment-two.json': {} });
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'elsewhere'));
  writeFileSync(join(folder, 'bin', 'panic-tda'), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(join(folder, 'bin', 'panic-tda'), 0o755);
  const caption = { modality: 'text', text: 'a caption' } as const;
  const outputs = [picture(2, 2, Uint8Array.of(1, 2, 3)), caption];
  const store = await storeOutputs(join(folder, 'panic-tda-data'), dummyConfig, FINGERPRINT, outputs);
  await store.close();
});

function inShell(program: string, args: readonly string[]): string[] {
  const { stdout, stderr, error } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    env: {
      PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
      HOME: folder,
      PANIC_TDA_TEST_MODELS: '1',
    },
  });
  if (error) throw error;
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

function hasShell(name: string): boolean {
  return spawnSync(name, ['-c', 'exit 0']).status === 0;
}

/** What one bash offers for each of these command lines. The user is typing the last word of each. */
function inBash(lines: readonly (readonly string[])[]): string[][] {
  const script = `
    source <(panic-tda completion bash)
    complete -p panic-tda >/dev/null || exit 1
    while (( $# )); do
      count=$1; shift
      COMP_WORDS=(panic-tda "\${@:1:count}"); COMP_CWORD=$count; COMPREPLY=()
      _panic_tda
      shift "$count"
      printf 'offered %s\\n' "\${COMPREPLY[@]}"
      echo end
    done`;
  const words = lines.flatMap((line) => [String(line.length), ...line]);
  const offers: string[][] = [[]];
  for (const line of inShell('bash', ['-c', script, 'bash', ...words])) {
    if (line === 'end') offers.push([]);
    else offers.at(-1)!.push(line.replace(/^offered /, ''));
  }
  return offers.slice(0, -1);
}

const CASES: readonly {
  readonly words: readonly string[];
  readonly has: readonly string[];
  readonly lacks: readonly string[];
}[] = [
  { words: ['sta'], has: ['status'], lacks: ['run', 'start'] },
  {
    words: [''],
    has: ['run', 'doctor', 'models', 'completion', 'help'],
    lacks: ['complete-words', '--json'],
  },
  { words: ['models', ''], has: ['list', 'pull', 'SDTurbo'], lacks: ['run'] },
  { words: ['models', 'pull', 'SDTu'], has: ['SDTurbo'], lacks: ['AllMiniLML6v2'] },
  { words: ['models', 'pull', 'SDTurbo', 'AllMini'], has: ['AllMiniLML6v2'], lacks: ['SDTurbo'] },
  { words: ['run', '--dev'], has: ['--device'], lacks: ['--data', '--json'] },
  { words: ['list', '--'], has: ['--data', '--database', '--json', '--help'], lacks: ['--device'] },
  { words: ['run', 'x.json', '--device', ''], has: ['auto', 'cuda', 'webgpu', 'cpu'], lacks: ['x.json'] },
  { words: ['run', '--device', '=', 'c'], has: ['cuda', 'cpu'], lacks: ['auto'] },
  { words: ['setup', ''], has: ['cuda', 'database'], lacks: ['run'] },
  { words: ['show', ID.slice(0, 3)], has: [ID], lacks: ['show'] },
  { words: ['status', ''], has: [ID], lacks: ['elsewhere'] },
  { words: ['analyse', ID, ''], has: ['runs', 'symbols', ID], lacks: ['run'] },
  { words: ['analyse', ''], has: [ID], lacks: ['runs'] },
  { words: ['show', '--json', ID.slice(0, 3)], has: [ID], lacks: [] },
  { words: ['run', 'exp'], has: ['experiment one.json', 'experiment-two.json'], lacks: ['bin'] },
  { words: ['list', '--data', 'else'], has: ['elsewhere'], lacks: ['experiment-two.json'] },
  { words: ['list', '--data', 'elsewhere', '--js'], has: ['--json'], lacks: [] },
  { words: ['status', '--data', 'elsewhere', ''], has: [], lacks: [ID] },
  { words: ['help', 'res'], has: ['resume'], lacks: ['run'] },
  { words: ['completion', ''], has: ['bash', 'zsh', 'fish'], lacks: [] },
];

(hasShell('bash') ? describe : describe.skip)('bash completes', () => {
  let offers: string[][];
  beforeAll(() => {
    offers = inBash(CASES.map(({ words }) => words));
    expect(offers).toHaveLength(CASES.length);
  });

  test.each(CASES.map((one, index) => ({ ...one, index })))('$words', ({ has, lacks, index }) => {
    for (const word of has) expect(offers[index]).toContain(word);
    for (const word of lacks) expect(offers[index]).not.toContain(word);
  });
});

// These functions stand for those of zsh's own system and print their arguments.
const zshScript = (words: readonly string[]) => `
  compdef() { :; }
  source <(panic-tda completion zsh)
  _describe() { print -l -- "\${(@P)2}"; }
  _files() { print -l -- "files $*"; }
  words=(panic-tda ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=\${#words}
  _panic_tda`;

(hasShell('zsh') ? describe : describe.skip)('zsh completes (needs zsh)', () => {
  test.each([
    [['sta'], /^status:\S/m],
    [['run', '--device', 'w'], /^webgpu:/m],
    [['show', ID.slice(0, 3)], new RegExp(`^${ID}:`, 'm')],
    [['run', ''], /^files $/m],
    [['list', '--data', ''], /^files -\/$/m],
  ] as const)('%s', (words, told) => {
    expect(inShell('zsh', ['-f', '-c', zshScript(words)]).join('\n')).toMatch(told);
  });
});

(hasShell('fish') ? describe : describe.skip)('fish completes (needs fish)', () => {
  test.each([
    ['sta', /^status\t\S/m],
    ['run --device w', /^webgpu/m],
    [`show ${ID.slice(0, 3)}`, new RegExp(`^${ID}\t`, 'm')],
    ['run exper', /^experiment one\.json|^experiment-two\.json/m],
    ['list --data else', /^elsewhere\//m],
  ])('%s', (line, told) => {
    const script = `panic-tda completion fish | source; complete -C 'panic-tda ${line}'`;
    expect(inShell('fish', ['--no-config', '-c', script]).join('\n')).toMatch(told);
  });
});

describe('the offer', () => {
  const nothing = { experiments: async () => [], models: async () => [] };
  const offered = async (...words: readonly string[]) => {
    const { words: candidates } = await offerFor(
      createProgram(() => undefined),
      words,
      nothing,
    );
    return candidates.map(({ word }) => word);
  };

  test('has every command and option of the program, so that it is always up to date', async () => {
    const program = createProgram(() => undefined);
    const visible = program.createHelp().visibleCommands(program);
    expect(await offered('')).toEqual(visible.map((command) => command.name()));
    for (const command of program.commands.filter((one) => visible.includes(one))) {
      const options = command.createHelp().visibleOptions(command);
      expect(await offered(command.name(), '--')).toEqual(options.flatMap(({ long }) => long ?? []));
    }
  });

  test('has no option after --, and no command where an argument already stands', async () => {
    expect(await offered('show', '--', '--')).toEqual([]);
    expect(await offered('models', 'SDTurbo', 'pu')).toEqual([]);
    expect(await offered('run', '--device=c')).toEqual(['--device=cuda', '--device=cpu']);
  });
});

test('if the data folder cannot be read, completion offers nothing and prints nothing', async () => {
  const broken = folderWith({ 'panic-tda-data': 'a file' });
  const ended = await runCommand(broken, ['complete-words', 'bash', '--', 'show', '']);
  expect(ended).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('an unknown shell is refused, with the known ones', async () => {
  const { code, stderr } = await runCommand(folder, ['completion', 'tcsh']);
  expect(stderr).toMatch(/Allowed choices are bash, zsh, fish/);
  expect(code).toBe(2);
});
