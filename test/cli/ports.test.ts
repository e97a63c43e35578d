import { afterAll, expect, jest, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processTree, processWords } from '../../bench/common/process-tree.js';
import { PORTS_CLOSED_TO_BROWSERS } from '../../workers/temporal/hidden-ports.js';
import { addressOf, openFleet } from '../support/fleet.js';
import { httpRequest } from '../support/http-request.js';
import { listeningSockets } from '../support/listening.js';
import { cleanUp, folderWith, runInfo, startPanicTda, until } from '../support/cli-process.js';

jest.setTimeout(180_000);
afterAll(cleanUp);

const linux = process.platform === 'linux';
if (!linux) console.warn('skipped: sockets of processes are read in /proc, which is not here');
const onLinux = linux ? test : test.skip;

/** A listening socket as docs/security.md describes it. */
interface Door {
  readonly process: string;
  readonly address: string;
  readonly closedToBrowsers: boolean;
}

/** The rows of these processes in the first table of "Ports". */
function documented(processes: readonly string[]): Door[] {
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const section = page.slice(page.indexOf('\n## Ports\n'), page.indexOf('\n## Files'));
  return section
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, process = '', port = '']) => processes.includes(process) && port.includes(': '))
    .map(([, process = '', port = '', address = '']) => ({
      process,
      address,
      closedToBrowsers: port.endsWith('closed to browsers'),
    }));
}

function really(process: string, pid: number): Door[] {
  return listeningSockets(pid).map(({ protocol, address, port }) => ({
    process,
    address: protocol === 'tcp' ? address.replace(/^127\.(?!0\.).*/, '127.x.y.z') : `${protocol} ${address}`,
    closedToBrowsers: PORTS_CLOSED_TO_BROWSERS.includes(port),
  }));
}

function sorted(doors: readonly Door[]): string[] {
  return doors.map((door) => JSON.stringify(door)).toSorted();
}

function isModel(pid: number): boolean {
  return processWords(pid).some((word) => word.endsWith('process-main.js'));
}

onLinux('what a run opens is what docs/security.md lists, and nothing else', async () => {
  const folder = folderWith({
    'experiment.json': {
      networks: [['HostedT2I', 'SlowI2T']],
      prompts: ['a quiet harbour'],
      seeds: [1],
      embedding_models: ['Dummy'],
      max_length: 2000,
    },
  });
  const data = join(folder, 'panic-tda-data');
  const running = startPanicTda(folder, ['run', 'experiment.json']);
  await until(
    () => processTree(running.process.pid!).some(({ pid }) => isModel(pid)),
    () => running.stderr(),
  );
  const { pid, serverPid, workerPids = [] } = runInfo(data)!;
  const roles = new Map([
    [pid, '`run`'],
    [serverPid!, 'Temporal server'],
    ...workerPids.map((one) => [one, 'worker'] as const),
  ]);
  const doors = processTree(pid).flatMap((one) => really(roles.get(one.pid) ?? 'model', one.pid));
  running.process.kill('SIGTERM');
  await running.ended;
  if (/the ports of 127\.0\.0\.1 that browsers do not open/.test(running.stderr())) {
    process.stderr.write('not looked at: all ports that browsers do not open are taken\n');
    return;
  }
  const listed = documented(['`run`', 'Temporal server', 'worker', 'model']);
  expect(listed).toHaveLength(8);
  expect(sorted(doors)).toEqual(sorted(listed));
});

onLinux('what a worker that listens opens is what docs/security.md lists, and it is guarded', async () => {
  const fleet = await openFleet(null, { PANIC_TDA_HTTP_NAMES: 'gpu-1.lan' });
  try {
    const worker = await fleet.worker(['--listen', '0', '--device', 'cpu', '--queues', 'cpu']);
    const listed = documented(['worker, `--listen`']);
    expect(listed).toHaveLength(2);
    const { pid } = worker.process;
    expect(sorted(processTree(pid!).flatMap((one) => really('worker, `--listen`', one.pid)))).toEqual(
      sorted(listed),
    );
    for (const path of ['/health', '/ready', '/metrics']) {
      const url = `${addressOf(worker)}${path}`;
      const status = async (headers: Record<string, string>, method = 'GET'): Promise<number> =>
        (await httpRequest(url, { headers, method })).status;
      expect(await status({})).toBe(200);
      expect(await status({ host: 'gpu-1.lan' })).toBe(200);
      expect(await status({ host: 'evil.example' })).toBe(403);
      expect(await status({ origin: 'http://evil.example' })).toBe(403);
      expect(await status({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
      expect(await status({}, 'POST')).toBe(405);
    }
  } finally {
    await fleet.close();
  }
});

test('an invalid name is refused before anything starts', async () => {
  const folder = folderWith();
  for (const name of ['http://gpu-1.lan', 'gpu-1.lan:9464', '*.lan', '*']) {
    const { code, stderr } = await startPanicTda(folder, ['worker'], { PANIC_TDA_HTTP_NAMES: name }).ended;
    expect(stderr).toContain(`PANIC_TDA_HTTP_NAMES has "${name}"`);
    expect(code).toBe(2);
  }
});
