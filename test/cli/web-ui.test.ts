import { afterAll, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { httpRequest } from '../support/http-request.js';
import { suiteAddress, suiteUi } from '../support/suite-server.js';
import { cleanUp, folderWith, startPanicTda, until } from '../support/cli-process.js';
import { runCommand } from '../support/standing-program.js';
import { z } from 'zod';
import { readJson } from '../support/json.js';
import { portOf } from '../support/port-of.js';

afterAll(cleanUp);

test("web-ui serves a service's web UI under this machine's names and those of the user, until it is stopped", async () => {
  const running = startPanicTda(folderWith(), ['web-ui', suiteUi(), '--listen', '127.0.0.1:0', '--json'], {
    PANIC_TDA_HTTP_NAMES: 'gpu-1.lan',
  });
  await until(
    () => /Web UI: /.test(running.stderr()),
    () => running.stderr(),
  );
  const { uiAddress } = readJson(running.stdout(), z.object({ uiAddress: z.string() }));
  const url = `${uiAddress}/api/v1/namespaces`;
  for (const host of ['localhost', 'gpu-1.lan']) {
    expect(await httpRequest(url, { headers: { host } })).toMatchObject({
      status: 200,
      body: expect.stringContaining('"default"'),
    });
  }
  expect((await httpRequest(url, { headers: { host: 'evil.example' } })).status).toBe(403);
  running.process.kill('SIGINT');
  expect((await running.ended).code).toBe(0);
  await expect(httpRequest(url)).rejects.toThrow(/ECONNREFUSED/);
});

test.each([
  ['127.0.0.1', /web-ui: found "127\.0\.0\.1"; expected HOST:PORT/],
  ['http://127.0.0.1:8080', /expected HOST:PORT/],
  ['127.0.0.1:0', /expected HOST:PORT/],
  ['127.0.0.1:65536', /expected HOST:PORT/],
  ['[::g]:6666', /expected HOST:PORT/],
])('an invalid address of the UI is refused: %s', async (address, told) => {
  const { code, stderr } = await runCommand(folderWith(), ['web-ui', address]);
  expect(stderr).toMatch(told);
  expect(code).toBe(2);
});

test.each(['8080', 'localhost:8080', '127.0.0.1:70000', '192.0.2.1:8080'])(
  'an address that no server can listen on is refused: %s',
  async (listen) => {
    const { code, stderr } = await runCommand(folderWith(), ['web-ui', suiteAddress(), '--listen', listen]);
    expect(stderr).toMatch(/--listen: found ".*"; expected ADDRESS:PORT|this machine has no such address/);
    expect(code).toBe(2);
  },
);

test('a port that another process has is refused', async () => {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  try {
    const { code, stderr } = await runCommand(folderWith(), [
      'web-ui',
      suiteUi(),
      '--listen',
      `127.0.0.1:${port}`,
    ]);
    expect(stderr).toMatch(/another process has it/);
    expect(code).toBe(2);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
