import { afterAll, expect, test } from '@jest/globals';
import { processTree } from '../../bench/common/process-tree.js';
import { addressOf, openFleet } from '../support/fleet.js';
import { httpRequest } from '../support/http-request.js';
import { documentedDoors, doorsOf, sortedDoors } from '../support/documented-doors.js';
import { cleanUp, folderWith, startPanicTda } from '../support/cli-process.js';

afterAll(cleanUp);

const linux = process.platform === 'linux';
if (!linux) console.warn('skipped: sockets of processes are read in /proc, which is not here');
const onLinux = linux ? test : test.skip;

onLinux('what a worker that listens opens is what docs/security.md lists, and it is guarded', async () => {
  const fleet = await openFleet(null, { PANIC_TDA_HTTP_NAMES: 'gpu-1.lan' });
  try {
    const worker = await fleet.worker(['--listen', '0', '--device', 'cpu', '--queues', 'cpu']);
    const listed = documentedDoors(['worker, `--listen`']);
    expect(listed).toHaveLength(2);
    const { pid } = worker.process;
    expect(sortedDoors(processTree(pid!).flatMap((one) => doorsOf('worker, `--listen`', one.pid)))).toEqual(
      sortedDoors(listed),
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
