import { beforeEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const SECRETS = '# a comment\nPOSTGRES_PASSWORD=its secret\n';
const TAG = /^0\.9\.0-[0-9a-f]{12}(-changed)?-\d{8}T\d{6}Z$/;

describe('compose/images.sh', () => {
  let folder: string;
  let images: string;

  /**
   * A clone with a commit, and a docker whose images are files of a folder. A file "broken" in that folder
   * makes builds fail.
   */
  beforeEach(() => {
    folder = temporaryFolder();
    images = join(folder, 'images');
    const bin = join(folder, 'bin');
    for (const made of [images, bin, join(folder, 'compose')]) mkdirSync(made);
    cpSync(repositoryPath('compose/images.sh'), join(folder, 'compose/images.sh'));
    writeFileSync(
      join(folder, 'package.json'),
      '{\n  "name": "panic-tda",\n  "version": "0.9.0",\n  "private": true\n}\n',
    );
    writeFileSync(join(folder, '.env'), SECRETS, { mode: 0o640 });
    writeFileSync(join(folder, '.gitignore'), '.env\n.env.new\nimages\nbin\n');
    const docker = `#!/bin/sh
      case "$1 $2" in
        'compose build')
          [ ! -e ${images}/broken ] || { echo 'the build failed' >&2; exit 17; }
          shift 2; echo "$*" > "${images}/panic-tda:$PANIC_TDA_TAG" ;;
        'image inspect') [ -e "${images}/$3" ] || exit 1 ;;
        'image ls') ls ${images} ;;
        *) echo "docker $*?" >&2; exit 1 ;;
      esac`;
    writeFileSync(join(bin, 'docker'), docker, { mode: 0o755 });
    const git = ['-c', 'user.name=test', '-c', 'user.email=test'];
    for (const words of [
      ['init', '-q'],
      ['add', '-A'],
      [...git, 'commit', '-q', '-m', 'first'],
    ]) {
      expect(spawnSync('git', words, { cwd: folder }).status).toBe(0);
    }
  });

  function run(...words: string[]) {
    const { status, stdout, stderr } = spawnSync('sh', [join(folder, 'compose/images.sh'), ...words], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}` },
    });
    return { status, output: `${stdout}${stderr}` };
  }

  const env = (): string => readFileSync(join(folder, '.env'), 'utf8');
  const valueOf = (name: string): string | undefined => new RegExp(`^${name}=(.*)$`, 'm').exec(env())?.[1];

  test('a build has a new tag, .env names it with the previous one, and one command goes back', () => {
    expect(run('build').status).toBe(0);
    const first = valueOf('PANIC_TDA_TAG')!;
    expect(first).toMatch(TAG);
    expect(first).not.toContain('changed');
    expect(env()).toBe(`${SECRETS}PANIC_TDA_TAG=${first}\n`);
    expect(statSync(join(folder, '.env')).mode & 0o777).toBe(0o640);

    // Other code, and another second, since a quick machine would make the same tag.
    writeFileSync(join(folder, 'new'), '');
    expect(run('build', 'worker-cpu').status).toBe(0);
    const second = valueOf('PANIC_TDA_TAG')!;
    expect(second).toMatch(TAG);
    expect(second).toContain('-changed-');
    expect(env()).toBe(`${SECRETS}PANIC_TDA_TAG=${second}\nPANIC_TDA_PREVIOUS_TAG=${first}\n`);
    expect(readFileSync(join(images, `panic-tda:${second}`), 'utf8')).toBe('worker-cpu\n');
    expect(existsSync(join(images, `panic-tda:${first}`))).toBe(true);

    expect(run('use', 'previous')).toEqual({
      status: 0,
      output: `PANIC_TDA_TAG=${first} (before: ${second})\n`,
    });
    expect([valueOf('PANIC_TDA_TAG'), valueOf('PANIC_TDA_PREVIOUS_TAG')]).toEqual([first, second]);
    expect(run('use', second).status).toBe(0);
    expect([valueOf('PANIC_TDA_TAG'), valueOf('PANIC_TDA_PREVIOUS_TAG')]).toEqual([second, first]);
    expect(run('list').output).toContain(`used: ${second}\n`);
  });

  test('a build that fails, and a tag that is not here, leave .env as it was', async () => {
    expect(run('build').status).toBe(0);
    const before = env();
    writeFileSync(join(images, 'broken'), '');
    // A tag contains the second, and an existing tag is refused.
    const { mtimeMs } = statSync(join(images, `panic-tda:${valueOf('PANIC_TDA_TAG')}`));
    await sleep(Math.max(0, mtimeMs + 1001 - Date.now()));
    expect(run('build')).toEqual({ status: 17, output: 'the build failed\n' });
    expect(run('use', '0.1.0-gone')).toEqual({
      status: 2,
      output: expect.stringContaining('there is no image panic-tda:0.1.0-gone here'),
    });
    expect(run('use', 'previous')).toEqual({ status: 2, output: '.env names no previous tag\n' });
    expect(run('built').status).toBe(2);
    expect(env()).toBe(before);
  });
});
