import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { wholeEnvironment } from '../support/whole-environment.js';
import { runCommand, type CommandResult } from '../../workers/processes/run-command.js';
import { repositoryPath, runModule, nextLine, kill } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { z } from 'zod';
import { readJson, readJsonFile } from '../support/json.js';

/** Runs the text of an ES module and returns its output. */
async function node(text: string, env: Record<string, string | undefined> = {}): Promise<CommandResult> {
  return await runCommand(process.execPath, ['--input-type=module', '-e', text], {
    timeoutMs: 60_000,
    env: wholeEnvironment({ NODE_OPTIONS: undefined, ...env }),
  });
}

function script(name: string): string {
  return JSON.stringify(`file://${repositoryPath(`scripts/${name}`)}`);
}

describe('the Node version', () => {
  test('is checked before anything else, with one sentence', async () => {
    const older = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"20.19.9"})';
    const result = await runCommand(
      process.execPath,
      ['--import', older, repositoryPath('scripts/setup.mjs')],
      {
        timeoutMs: 20_000,
        env: wholeEnvironment({ NODE_OPTIONS: undefined }),
      },
    );
    expect(result.code).toBe(1);
    expect(result.output).toBe(
      `panic-tda needs Node 20.20 or later; this is Node 20.19.9 (${process.execPath}).\n`,
    );
  });
});

describe('installing packages', () => {
  test('happens once, runs the scripts of packages that may run theirs and of no other, and links our own command', async () => {
    const { root, install, calls } = installation();
    expect((await install()).output).toContain('installing packages');
    expect((await install()).output).toBe('');
    const [first, second, ...others] = calls().map(({ args }) => args);
    expect(first).toEqual(expect.arrayContaining(['ci', '--include=dev', '--ignore-scripts']));
    expect(second).toEqual(['rebuild', 'may', '--loglevel=error']);
    expect(others).toEqual([]);
    expect(readlinkSync(join(root, 'node_modules', '.bin', 'panic-tda'))).toBe('../../bin/panic-tda.mjs');
  });

  test('rebuilds nothing if no package may run a script, since npm would rebuild all', async () => {
    const { root, install, calls } = installation();
    writeFileSync(join(root, 'package-lock.json'), '{ "packages": {} }');
    await install();
    expect(calls().map(({ args }) => args[0])).toEqual(['ci']);
  });

  test('does not begin if a package of the lock file has no checksum', async () => {
    const { root, install, calls } = installation();
    writeFileSync(
      join(root, 'package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/may': { version: '1.0.0' } } }),
    );
    expect((await install()).output).toContain(
      'nothing was installed, since package-lock.json does not hold every package to its checksum:\nnode_modules/may has no SHA-512 in "integrity"\nTake the file',
    );
    expect(calls()).toEqual([]);
  });

  test('happens again when the lock file changes, and when node_modules is gone', async () => {
    const { root, install, installs } = installation();
    await install();
    writeFileSync(join(root, 'package-lock.json'), '{ "packages": {} }');
    await install();
    expect(installs()).toHaveLength(2);
    rmSync(join(root, 'node_modules'), { recursive: true });
    await install();
    expect(installs()).toHaveLength(3);
  });

  test('happens again for a Node with another ABI, since native packages are compiled for one', async () => {
    const { root, install, installs } = installation();
    await install();
    const stamp = join(root, 'node_modules', '.panic-tda-setup.json');
    writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(`"${process.versions.modules}"`, '"1"'));
    await install();
    expect(installs()).toHaveLength(2);
  });

  test('leaves a choice of Node headers as it is', async () => {
    const { install, calls } = installation();
    await install({ npm_config_nodedir: '/mine' });
    expect(calls()[0]).toMatchObject({ npm_config_nodedir: '/mine' });
  });

  test('gives the code of packages only those keys of the user that an .npmrc or PANIC_TDA_PASS_VARIABLES names', async () => {
    const { root, install, calls } = installation();
    writeFileSync(join(root, '.npmrc'), '//registry.example/:_authToken=${OWN_REGISTRY_TOKEN}\n');
    const keys = ['HF_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'PANIC_TDA_SERVER_API_KEY', 'PGPASSWORD', 'NPM_TOKEN'];
    const npmrc = join(root, 'npmrc-of-the-user');
    writeFileSync(npmrc, '//other.example/:_authToken=${OTHER_REGISTRY_TOKEN}\n');
    const named = ['OWN_REGISTRY_TOKEN', 'OTHER_REGISTRY_TOKEN', 'OWN_COMPILER', 'NPM_CONFIG_REGISTRY'];
    const set = Object.fromEntries([...keys, ...named].map((name) => [name, 'x']));
    const settings = { npm_config_userconfig: undefined, NPM_CONFIG_USERCONFIG: npmrc };
    await install({ ...set, ...settings, PANIC_TDA_PASS_VARIABLES: 'OWN_COMPILER' });
    const [call] = calls();
    expect(call!['variables']).toEqual(expect.arrayContaining(['PATH', ...named]));
    for (const name of keys) expect(call!['variables']).not.toContain(name);
  });

  test('that fails says what npm said and what to do, and is tried again', async () => {
    const { install, calls } = installation(1);
    const { output } = await install();
    expect(output).toContain(
      '`npm ci` ended with code 1:\nnpm error code EPAPER\nCheck that the npm registry can be reached',
    );
    await install();
    expect(calls()).toHaveLength(2);
  });
});

describe('building', () => {
  test('compiles, copies other files, and does nothing while the sources stay the same', async () => {
    const { path, build } = repository();
    expect(await build()).toBe('building\n');
    expect(readFileSync(path('dist/room/one.js'), 'utf8')).toContain('export const one = 1;');
    expect(existsSync(path('dist/room/one.d.ts'))).toBe(true);
    expect(readFileSync(path('dist/room/migrations/0.sql'), 'utf8')).toBe('select 1;\n');
    expect(await build()).toBe('');
  });

  test('happens again when a source changes, and removes files whose source is gone', async () => {
    const { path, build } = repository();
    writeFileSync(path('room/two.ts'), 'export const two = 2;\n');
    await build();
    rmSync(path('room/two.ts'));
    expect(await build()).toBe('building (sources have changed)\n');
    expect(existsSync(path('dist/room/two.js'))).toBe(false);
  });

  test('that fails says where and why, and keeps the last good one', async () => {
    const { path, build } = repository();
    await build();
    writeFileSync(path('room/one.ts'), 'export const one: number = "1";\n');
    expect(await build()).toMatch(/room\/one\.ts\(1,14\): error TS2322/);
    expect(readFileSync(path('dist/room/one.js'), 'utf8')).toContain('export const one = 1;');
    expect(await build()).toMatch(/error TS2322/);
  });
});

describe('two set-ups of one folder', () => {
  test('work one after the other', async () => {
    const root = temporaryFolder();
    const results = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => await node(worker(root, name, 100))),
    );
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    const notes = readFileSync(join(root, 'notes'), 'utf8').trim().split('\n');
    expect(notes).toHaveLength(6);
    for (let i = 0; i < 6; i += 2) expect(notes[i + 1]).toBe(notes[i]!.replace('begins', 'ends'));
  });

  test('the second goes on when the first was ended by SIGKILL', async () => {
    const root = temporaryFolder();
    const first = runModule(worker(root, 'first', 60_000));
    await nextLine(first);
    await kill(first);
    expect((await node(worker(root, 'second', 0))).code).toBe(0);
  });
});

/** Runs the command in a folder without compiled code. */
async function withoutBuild(root: string): Promise<CommandResult> {
  cpSync(repositoryPath('bin'), join(root, 'bin'), { recursive: true });
  return await runCommand(process.execPath, [join(root, 'bin', 'panic-tda.mjs')], {
    timeoutMs: 20_000,
    env: wholeEnvironment({ NODE_OPTIONS: undefined }),
  });
}

describe('the command', () => {
  test('says in one sentence what to do while nothing is built', async () => {
    const root = temporaryFolder();
    mkdirSync(join(root, 'scripts'));
    cpSync(repositoryPath('scripts/setup.mjs'), join(root, 'scripts', 'setup.mjs'));
    expect(await withoutBuild(root)).toMatchObject({
      code: 1,
      output: `panic-tda is not built yet: run \`npm start\` or \`npm run setup\` in ${root}/ first.\n`,
    });
  });

  test('of a package without compiled code says where it went wrong, and names no script that a package lacks', async () => {
    const root = temporaryFolder();
    expect(await withoutBuild(root)).toMatchObject({
      code: 1,
      output: `The panic-tda in ${root}/ was packed without its compiled code: pack it again in a clone, by \`npm pack\`, and install that.\n`,
    });
  });
});

/** A folder to install in, and an npm that only records how it was called. */
function installation(npmExitCode = 0) {
  const root = temporaryFolder();
  const npm = join(root, 'npm-cli.js');
  const integrity = `sha512-${'A'.repeat(86)}==`;
  const entry = { version: '1.0.0', integrity, hasInstallScript: true };
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/may': entry, 'node_modules/may-not': entry } }),
  );
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({ allowScripts: { may: true, 'may-not': false } }),
  );
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin', 'panic-tda.mjs'), '');
  writeFileSync(
    npm,
    `const fs = require('node:fs');
     for (const name of ['may', 'may-not']) fs.mkdirSync('node_modules/' + name, { recursive: true });
     const { npm_config_nodedir } = process.env;
     const variables = Object.keys(process.env);
     fs.appendFileSync('calls', JSON.stringify({ args: process.argv.slice(2), npm_config_nodedir, variables }) + '\\n');
     console.error('npm error code EPAPER');
     process.exit(${npmExitCode});`,
  );
  const calls = () =>
    existsSync(join(root, 'calls'))
      ? readFileSync(join(root, 'calls'), 'utf8')
          .trim()
          .split('\n')
          .map((line) => readJson(line, z.looseObject({ args: z.array(z.string()) })))
      : [];
  return {
    root,
    install: async (env: Record<string, string | undefined> = {}) =>
      await node(
        `import { installPackages } from ${script('install-packages.mjs')};
         try { installPackages(${JSON.stringify(root)}, console.log); } catch (error) { console.log(error.message); }`,
        { npm_execpath: npm, ...env },
      ),
    calls,
    installs: () => calls().filter(({ args }) => args[0] === 'ci'),
  };
}

/** A repository with one room, one TypeScript file and another file. */
function repository() {
  const root = temporaryFolder();
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package.json'])
    cpSync(repositoryPath(name), join(root, name));
  const config = readJsonFile(join(root, 'tsconfig.json'), z.looseObject({}));
  writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ ...config, include: ['room', 'test'] }));
  mkdirSync(join(root, 'room', 'migrations'), { recursive: true });
  writeFileSync(join(root, 'room', 'one.ts'), 'export const one: number = 1;\n');
  writeFileSync(join(root, 'room', 'migrations', '0.sql'), 'select 1;\n');
  symlinkSync(repositoryPath('node_modules'), join(root, 'node_modules'));
  return {
    path: (name: string) => join(root, name),
    build: async () =>
      (
        await node(
          `import { build } from ${script('build.mjs')};
           await build(${JSON.stringify(root)}, console.log).catch((error) => console.log(error.message));`,
        )
      ).output,
  };
}

function worker(root: string, name: string, workMs: number): string {
  return `import { withLock } from ${script('setup-lock.mjs')};
    import { appendFileSync } from 'node:fs';
    const note = (what) => appendFileSync(${JSON.stringify(join(root, 'notes'))}, '${name} ' + what + '\\n');
    await withLock(${JSON.stringify(root)}, console.log, async () => {
      note('begins');
      console.log('working');
      await new Promise((resolve) => setTimeout(resolve, ${workMs}));
      note('ends');
    });`;
}
