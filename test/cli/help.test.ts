import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';

let folder: string;
beforeAll(() => {
  folder = folderWith();
});
afterAll(cleanUp);

const COMMANDS = [
  'run',
  'resume',
  'retry',
  'pause',
  'cancel',
  'plan',
  'list',
  'status',
  'show',
  'analyse',
  'merge',
  'delete',
  'backup',
  'models',
  'setup',
  'completion',
  'worker',
  'web-ui',
  'doctor',
];

describe('help', () => {
  test('names every command, and explains the exit codes', async () => {
    const { code, stdout, stderr } = await panicTda(folder, ['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
    for (const exit of ['0', '1', '2', '3', '4', '130'])
      expect(stdout).toMatch(new RegExp(`^  ${exit} +\\w`, 'm'));
  });

  test('for each command names its exit codes, --json and --data', async () => {
    const ofModels = ['list', 'show', 'pull', 'verify', 'remove', 'path'].map((command) => [
      'models',
      command,
    ]);
    const commands = [...COMMANDS.map((command) => [command]), ...ofModels];
    for (const words of commands) {
      const { code, stdout } = await runCommand(folder, [...words, '--help']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/Exit codes: 0 /);
      expect(stdout).toMatch(/--json/);
      expect(stdout).toMatch(/--data <folder>/);
    }
  });

  test('--version prints the version of the package', async () => {
    const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = readJson(file, z.object({ version: z.string() }));
    expect(await panicTda(folder, ['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('a wrong command line ends with 2 and a suggestion', () => {
  const WRONG = [
    { args: ['stauts'], told: /Did you mean status\?/ },
    { args: ['list', '--jsno'], told: /Did you mean --json\?/ },
    { args: ['list', 'everything'], told: /too many arguments for 'list'/ },
    { args: ['show'], told: /missing required argument 'id'/ },
    { args: ['cancel', 'abc', '--wait', 'long'], told: /Expected a number of seconds/ },
    { args: ['models', 'DumyT2I'], told: /did you mean DummyT2I\?/ },
    { args: ['worker', '--queues', 'gup'], told: /--queues: found "gup"; allowed: main, gpu, cpu, or all/ },
    { args: ['run', 'x.json', '--device', 'gpu'], told: /Allowed choices are auto, cuda, webgpu, cpu/ },
    { args: ['run', 'x.json', '--ram', '8GB'], told: /Expected a number of MiB or GiB/ },
    { args: ['setup', 'rocm'], told: /Allowed choices are cuda/ },
    { args: [], told: /Usage: panic-tda/ },
  ];
  test.each(WRONG)('$args', async ({ args, told }) => {
    const { code, stdout, stderr } = await runCommand(folder, args);
    expect(stderr).toMatch(told);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('a misspelt variable of the environment ends so too', async () => {
    const { code, stderr } = await runCommand(folder, ['list'], { PANIC_TDA_DATE: 'x' });
    expect(stderr).toMatch(/PANIC_TDA_DATE is not a variable of panic-tda; did you mean PANIC_TDA_DATA\?/);
    expect(code).toBe(2);
  });
});
