import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../db/index.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { CAN_MOUNT, toldWhy } from '../support/mounts.js';
import { repositoryPath } from '../support/child-processes.js';
import { cleanUp, folderWith } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';

const MAIN = repositoryPath('dist/cli/main.js');
const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a red fox'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

let folder: string;

beforeAll(async () => {
  folder = folderWith({ 'experiment.json': EXPERIMENT });
  const store = openStore(join(folder, 'panic-tda-data'));
  await finishExperiment(store, config);
  await store.close();
});
afterAll(cleanUp);

/** Runs a command with one of its outputs connected to a device. */
function onto(stream: 'stdout' | 'stderr', device: string, args: readonly string[], env = {}) {
  const descriptor = openSync(device, 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      stdio: ['ignore', stream === 'stdout' ? descriptor : 'pipe', stream === 'stderr' ? descriptor : 'pipe'],
    });
    return { status, stderr };
  } finally {
    closeSync(descriptor);
  }
}

const LOST = /panic-tda: standard output could not be written, and is incomplete: the disk is full/;

describe('standard output on a full disk', () => {
  test.each([
    [['list']],
    [['list', '--json']],
    [['status']],
    [['plan', 'experiment.json']],
    [['plan', 'experiment.json', '--json']],
    [['models', '--json']],
    [['doctor', '--json']],
    [['--help']],
    [['help', 'run']],
    [['--version']],
  ])('%j: the exit code is not 0, and standard error says why', (args) => {
    const { status, stderr } = onto('stdout', '/dev/full', args);
    expect(stderr).toMatch(LOST);
    expect(stderr.match(LOST)).toHaveLength(1);
    expect(status).toBe(4);
  });

  test('a command that fails for another reason keeps its exit code', () => {
    expect(onto('stdout', '/dev/full', ['plan', 'missing.json']).status).toBe(2);
  });

  (CAN_MOUNT ? test : test.skip)(
    toldWhy('a document that fits only in part is reported too', CAN_MOUNT, 'mounts need root'),
    () => {
      const script = `mount -t tmpfs -o size=32k none /mnt && "$0" "$@" > /mnt/out; code=$?; wc -c < /mnt/out; exit $code`;
      const words = ['-m', 'sh', '-c', script, process.execPath, MAIN, 'models', '--json'];
      const { status, stdout, stderr } = spawnSync('unshare', words, { cwd: folder, encoding: 'utf8' });
      expect(Number(stdout)).toBe(32 * 1024);
      expect(stderr).toMatch(LOST);
      expect(status).toBe(4);
    },
  );
});

test('notes that cannot be written make the exit code 4', () => {
  expect(onto('stderr', '/dev/full', ['list', '--data', 'none']).status).toBe(4);
  expect(onto('stderr', '/dev/null', ['list', '--data', 'none']).status).toBe(0);
});

const compiler = spawnSync('cc', ['--version']).status === 0 && process.platform === 'linux';
(compiler ? test : test.skip)(
  toldWhy(
    'a loss that the file system reports only at the close is noticed',
    compiler,
    'there is no C compiler',
  ),
  () => {
    const [source, library] = [join(folder, 'late.c'), join(folder, 'late.so')];
    // NFS and quotas refuse written data only when the file is closed (libuv closes by syscall).
    writeFileSync(
      source,
      `#define _GNU_SOURCE
       #include <dlfcn.h>
       #include <errno.h>
       #include <stdarg.h>
       #include <sys/syscall.h>
       long syscall(long number, ...) {
         static long (*next)(long, ...);
         if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
         va_list list;
         long a[6];
         va_start(list, number);
         for (int k = 0; k < 6; k++) a[k] = va_arg(list, long);
         va_end(list);
         if (number == SYS_close && (int)a[0] == 1) { errno = ENOSPC; return -1; }
         return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
       }`,
    );
    const made = spawnSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { encoding: 'utf8' });
    expect(made.stderr).toBe('');
    const out = join(folder, 'out.txt');
    writeFileSync(out, '');
    const { status, stderr } = onto('stdout', out, ['--version'], { LD_PRELOAD: library });
    expect(readFileSync(out, 'utf8')).toMatch(/^\d+\.\d+/);
    expect(stderr).toMatch(LOST);
    expect(status).toBe(4);
  },
);

test('a reader that leaves a large document early causes no failure', () => {
  const script = `"$0" "$@" | head -c 10; echo "\${PIPESTATUS[0]}"`;
  const words = ['-c', script, process.execPath, MAIN, 'models', '--json'];
  const { stdout, stderr } = spawnSync('bash', words, { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(stdout.endsWith('0\n')).toBe(true);
});

test('output that is written whole leaves the exit code 0', async () => {
  expect((await runCommand(folder, ['list', '--json'])).code).toBe(0);
});
