import { Client } from '@temporalio/client';
import { existsSync } from 'node:fs';
import type { TemporalServer } from '../../workers/temporal/server.js';
import { ensureSearchAttributes, searchAttributes } from '../../workers/temporal/search-attributes.js';
import { listeningSockets } from '../support/listening.js';
import { isRunning, until } from '../support/child-processes.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import {
  startServer,
  startWorkflow,
  webUiAnswers,
  withConnection,
  workflowStatus,
} from '../support/temporal-servers.js';

/** One server for the whole file. The tests follow the order of its life. */
describe('the embedded server', () => {
  let folder: string;
  let server: TemporalServer;

  beforeAll(async () => {
    folder = sharedTemporaryFolder();
    ({ server } = await startServer(folder, { namespaces: ['another'] }));
  });
  afterAll(async () => {
    await server.stop();
  });

  test('answers at its address, with a web UI at another', async () => {
    expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
    await webUiAnswers(server);
    expect((await fetch(server.uiAddress!)).status).toBe(200);
  });

  const whereProcExists = existsSync('/proc/net/tcp') ? test : test.skip;
  whereProcExists('listens on the loopback interface only', () => {
    const sockets = listeningSockets(server.pid!);
    expect(sockets.length).toBeGreaterThan(3);
    for (const { address } of sockets) expect(address).toMatch(/^127\./);
  });

  test.each(['default', 'another'])('keeps workflows of namespace %s for 30 days', async (namespace) => {
    await withConnection(server, async (connection) => {
      const { config } = await connection.workflowService.describeNamespace({ namespace });
      expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 3600);
    });
  });

  test.each(['default', 'another'])(
    'finds workflows of namespace %s by our attributes',
    async (namespace) => {
      await startWorkflow(server, 'found', namespace);
      await withConnection(server, async (connection) => {
        const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
        expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining([...searchAttributes]));
        const query = "PanicTdaExperiment = 'e' AND PanicTdaNetwork = 'n' AND PanicTdaStatus = 'running'";
        await until('the workflow is found', async () => {
          return (await new Client({ connection, namespace }).workflow.count(query)).count === 1;
        });
      });
    },
  );

  test('gets its missing attributes, also from several processes at once', async () => {
    await withConnection(server, async (connection) => {
      const namespace = 'another';
      const ensure = async () => await ensureSearchAttributes(connection, namespace);
      await ensure();
      await connection.operatorService.removeSearchAttributes({
        namespace,
        searchAttributes: ['PanicTdaStatus'],
      });
      await Promise.all([ensure(), ensure(), ensure()]);
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      expect(Object.keys(customAttributes)).toContain('PanicTdaStatus');
    });
  });

  test('is the only one on its file', async () => {
    await expect(startServer(folder)).rejects.toMatchObject({
      kind: 'InvalidInput',
      message: expect.stringContaining('is already being run by another process'),
    });
  });

  test('comes back at its addresses with its workflows after SIGKILL', async () => {
    const { address, uiAddress, pid } = server;
    process.kill(pid!, 'SIGKILL');
    await until('it is back', async () => {
      if (server.pid === undefined || server.pid === pid) return false;
      return (await workflowStatus({ address }, 'found').catch(() => '')) === 'RUNNING';
    });
    expect(server).toMatchObject({ address, uiAddress, restarts: 1 });
    await webUiAnswers({ uiAddress });
    expect((await fetch(uiAddress!)).status).toBe(200);
  });

  test('is gone after stop, and has its workflows when it is started again', async () => {
    const { pid, uiAddress } = server;
    await server.stop();
    expect(isRunning(pid!)).toBe(false);
    await expect(fetch(uiAddress!)).rejects.toThrow();
    const again = await startServer(folder);
    server = again.server;
    expect(again.notices).toEqual([]);
    expect(await workflowStatus(server, 'found')).toBe('RUNNING');
  });
});
