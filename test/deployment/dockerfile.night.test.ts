import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './compose-file.js';
import { buildContext, readDockerfile } from './dockerfile.js';
import { z } from 'zod';
import { readJson, readJsonFile } from '../support/json.js';

const root = fileURLToPath(ROOT);
const stages = readDockerfile();
const stage = (name: string) => stages.find((stage) => stage.name === name)!;

describe('what it runs, in a copy of its context', () => {
  const folder = mkdtempSync(join(tmpdir(), 'panic-tda-image-'));
  const [context, image] = [join(folder, 'context'), join(folder, 'image')];
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    for (const name of buildContext()) cpSync(join(root, name), join(context, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(context, 'node_modules'));
    const build = stage('build').instructions.find(({ words }) => words === 'node scripts/build.mjs');
    expect(build?.name).toBe('RUN');
    const { status, stderr } = spawnSync('sh', ['-c', build!.words], { cwd: context, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    for (const { words } of stage('cpu').instructions.filter(({ name }) => name === 'COPY')) copy(words);
  });

  /** `--from=build /app/A /app/B C`, with the packages that stay when the tools of the build are removed. */
  function copy(words: string): void {
    const [from, ...paths] = words.split(' ');
    expect(from).toBe('--from=build');
    const target = paths.pop()!;
    for (const path of paths) {
      const name = path.replace('/app/', '');
      if (name === 'node_modules') linkProductionPackages();
      else cpSync(join(context, name), join(image, target === './' ? name : target), { recursive: true });
    }
  }

  const Flag = z.boolean().optional();
  const LockFile = z.object({ packages: z.record(z.string(), z.object({ dev: Flag, devOptional: Flag })) });

  function linkProductionPackages(): void {
    const { packages } = readJsonFile(join(root, 'package-lock.json'), LockFile);
    for (const [path, { dev, devOptional }] of Object.entries(packages)) {
      // A package inside of another is copied with it.
      if (path === '' || dev === true || devOptional === true || path.lastIndexOf('node_modules/') > 0)
        continue;
      if (!existsSync(join(root, path))) continue;
      mkdirSync(dirname(join(image, path)), { recursive: true });
      symlinkSync(join(root, path), join(image, path));
    }
  }

  function run(words: readonly string[]) {
    const { instructions } = stage('cpu');
    const json = (name: string) =>
      readJson(instructions.find((instruction) => instruction.name === name)!.words, z.array(z.string()));
    const [node, main] = json('ENTRYPOINT');
    expect(node).toBe('node');
    const env = Object.fromEntries(
      instructions
        .filter(({ name }) => name === 'ENV')
        .flatMap(({ words }) => words.split(' '))
        .map((setting) => z.tuple([z.string(), z.string()]).parse(setting.split('='))),
    );
    return spawnSync(
      process.execPath,
      // Packages are links here, and Node has to resolve them where the links are.
      ['--preserve-symlinks', main!.replace('/app', image), ...(words.length > 0 ? words : json('CMD'))],
      { encoding: 'utf8', env: { PATH: process.env['PATH'], ...env, PANIC_TDA_DATA: join(folder, 'data') } },
    );
  }

  test('the command without words prints its help', () => {
    const { status, stdout, stderr } = run([]);
    expect(stderr).toBe('');
    expect(stdout).toContain('panic-tda');
    expect(status).toBe(0);
  });

  test('doctor finds an installation that works without the tools of the build', () => {
    const { stdout, stderr } = run(['doctor', '--json']);
    expect(stderr).toBe('');
    const findings = JSON.stringify(JSON.parse(stdout));
    expect(findings).toContain('cpu works');
  });
});
