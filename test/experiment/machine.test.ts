import { afterEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { compiledFile } from '../../common/compiled-file.js';
import {
  controlGroupLimits,
  limitedCores,
  limitedMemoryBytes,
  usableCores,
  usableMemoryBytes,
} from '../../common/machine.js';
import { controlGroup, type ControlGroup } from '../support/control-group.js';
import { repositoryPath } from '../support/child-processes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const GIB = 2 ** 30;

/** The root of a file system with these files. */
function files(contents: Readonly<Record<string, string>>): string {
  const root = temporaryFolder();
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe('what control groups allow', () => {
  test.each<[string, Readonly<Record<string, string>>, object]>([
    [
      'version 2: a container that sees its own group as the root',
      {
        'proc/self/cgroup': '0::/\n',
        'sys/fs/cgroup/memory.max': `${8 * GIB}\n`,
        'sys/fs/cgroup/cpu.max': '150000 100000\n',
      },
      { memoryBytes: 8 * GIB, cores: 1.5 },
    ],
    [
      'version 2: a unit of systemd in a slice with less',
      {
        'proc/self/cgroup': '0::/lab.slice/worker.service\n',
        'sys/fs/cgroup/lab.slice/memory.max': `${4 * GIB}\n`,
        'sys/fs/cgroup/lab.slice/cpu.max': 'max 100000\n',
        'sys/fs/cgroup/lab.slice/worker.service/memory.max': `${6 * GIB}\n`,
        'sys/fs/cgroup/lab.slice/worker.service/cpu.max': '400000 100000\n',
      },
      { memoryBytes: 4 * GIB, cores: 4 },
    ],
    [
      'version 2: no bound',
      {
        'proc/self/cgroup': '0::/a\n',
        'sys/fs/cgroup/a/memory.max': 'max\n',
        'sys/fs/cgroup/a/cpu.max': 'max 100000\n',
      },
      { memoryBytes: Infinity, cores: Infinity },
    ],
    [
      'version 1: a container whose group is mounted as the root, under the name that it has outside',
      {
        'proc/self/cgroup': '9:memory:/docker/4d1c\n2:cpu,cpuacct:/docker/4d1c\n1:name=systemd:/x\n0::/\n',
        'sys/fs/cgroup/memory/memory.limit_in_bytes': `${2 * GIB}\n`,
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      { memoryBytes: 2 * GIB, cores: 2 },
    ],
    [
      'version 1: no bound',
      {
        'proc/self/cgroup': '4:memory:/a\n1:cpu:/a\n',
        'sys/fs/cgroup/memory/a/memory.limit_in_bytes': '9223372036854771712\n',
        'sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/a/cpu.cfs_period_us': '100000\n',
      },
      { memoryBytes: 9223372036854771712, cores: Infinity },
    ],
    ['another system', {}, { memoryBytes: Infinity, cores: Infinity }],
  ])('%s', (_case, contents, expected) => {
    expect(controlGroupLimits(files(contents))).toEqual(expected);
  });
});

test('here all of the machine is shared out, unless the tests themselves are in such a group', () => {
  if (limitedMemoryBytes() === null) expect(usableMemoryBytes()).toBe(totalmem());
  if (limitedCores() === null) expect(usableCores()).toBe(availableParallelism());
});

describe('in a control group of this machine', () => {
  let group: ControlGroup | string = '';
  afterEach(() => {
    if (typeof group !== 'string') group.remove();
  });

  /** The output of a program in a group with these limits; null if this machine cannot make such a group. */
  function printed(memoryBytes: number, cores: number, args: readonly string[]): string | null {
    group = controlGroup(memoryBytes, cores);
    if (typeof group === 'string') {
      process.stderr.write(`skipped: ${group}\n`);
      return null;
    }
    const { command, args: words } = group.within(process.execPath, args);
    const { status, stdout, stderr } = spawnSync(command, words, { encoding: 'utf8' });
    expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
    return stdout;
  }

  test('a worker shares out the memory of the group: a diagram that fits the machine and not the group is refused', () => {
    const script = `
      const { usableCores } = await import(${JSON.stringify(compiledFile('common/machine.js'))});
      const { createDiagramPool, diagramMemoryBytes } = await import(${JSON.stringify(compiledFile('workers/diagrams/pool.js'))});
      let refusal = null;
      try {
        createDiagramPool({ threads: 1 }).requireMemory({ pointCount: 8000, dimension: 8, maxDimension: 1, isSurrogate: false });
      } catch (error) {
        refusal = error.message;
      }
      console.log(JSON.stringify({ cores: usableCores(), memory: diagramMemoryBytes(), refusal }));`;
    const output = printed(GIB, 0.5, ['--input-type=module', '--eval', script]);
    if (output === null) return;
    expect(JSON.parse(output)).toEqual({
      cores: 1,
      memory: GIB / 4,
      refusal: expect.stringMatching(
        /this worker may use 256 MiB: .*allow the worker more than the 1024 MiB of its container or control group$/,
      ),
    });
  });

  test('doctor reports the limits of the group', () => {
    const main = repositoryPath('dist/cli/main.js');
    const output = printed(2 * GIB, 0.5, [main, 'doctor', '--json', '--data', temporaryFolder()]);
    if (output === null) return;
    const { findings }: { findings: readonly { readonly text: string }[] } = JSON.parse(output);
    expect(findings.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/^its control group allows this process 2(\.0+)? GiB of the .* of memory/),
    );
  });
});
