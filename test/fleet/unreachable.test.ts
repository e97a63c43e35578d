import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { connectionProblem } from '../../workers/temporal/service-problems.js';
import { cleanUp, folderWith, panicTda } from '../support/cli-process.js';
import { certificatesIn, hasOpenssl } from '../support/certificates.js';
import { openRefusingService } from '../support/refusing-service.js';
import { suitePostgres } from '../support/suite-postgres.js';
import { suiteAddress } from '../support/suite-server.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';

type Options = Parameters<typeof connectionProblem>[1];

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});
afterAll(cleanUp);

async function problemAt(address: string, options: Options = {}): Promise<string> {
  return await connectionProblem(new Error('it did not connect'), { address, ...options }, 'lab');
}

/** HOST:PORT at which the server listens until the test is over. */
async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => void sockets.add(socket.on('error', () => undefined));
  server
    .on('connection', keep)
    .on('secureConnection', keep)
    .on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return addressOf(server);
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return `127.0.0.1:${address.port}`;
}

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = addressOf(server);
  await new Promise((resolve) => server.close(resolve));
  return address;
}

describe('what is at the address of a service that cannot be connected to', () => {
  test('a host name that has no address', async () => {
    expect(await problemAt('temporal.panic-tda.invalid:7233')).toMatch(
      /^the host name temporal\.panic-tda\.invalid of the Temporal service has no address \((ENOTFOUND|EAI_AGAIN)\); correct TEMPORAL_ADDRESS/,
    );
  });

  test('a port at which nothing listens', async () => {
    const address = await freeAddress();
    expect(await problemAt(address)).toMatch(
      new RegExp(
        `^nothing listens at ${address}, .*\\(ECONNREFUSED\\); start the service, correct TEMPORAL_ADDRESS`,
      ),
    );
  });

  test('a port whose connections a firewall drops', async () => {
    // Linux drops connections to a full queue, as a firewall does.
    const { address } = await stoppedListener(1);
    const waiting = Array.from({ length: 4 }, () => {
      const { hostname, port } = new URL(`tcp://${address}`);
      return connect(Number(port), hostname).on('error', () => undefined);
    });
    closing.push(() => waiting.forEach((socket) => socket.destroy()));
    await Promise.any(waiting.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect(await problemAt(address)).toMatch(
      new RegExp(
        `^no answer comes from ${address}, .*: a firewall drops the connection, or the machine is off`,
      ),
    );
  });

  test('a process that takes connections and hangs', async () => {
    const { address } = await stoppedListener(50);
    expect(await problemAt(address)).toMatch(
      new RegExp(
        `^a program at ${address} takes the connection and does not answer \\(nothing came back within 3 s\\)`,
      ),
    );
  });

  test('a web server, an HTTP/2 server, and a mail server', async () => {
    const web = await listening(createHttpServer((_request, response) => response.writeHead(404).end()));
    expect(await problemAt(web)).toMatch(
      new RegExp(
        `^what answers at ${web} is no Temporal service: an HTTP server, .* status 404; correct the port`,
      ),
    );
    const proxy = createHttp2Server().on('stream', (stream) =>
      stream.respond({ ':status': 502 }, { endStream: true }),
    );
    expect(await problemAt(await listening(proxy))).toContain(
      'an HTTP server, which answers with status 502',
    );
    const mail = createServer((socket) =>
      socket.on('error', () => undefined).end('220 mail.example ready\r\n'),
    );
    expect(await problemAt(await listening(mail))).toContain(
      'is no Temporal service: a program that does not speak gRPC',
    );
  });

  test('Postgres, with TLS and without', async () => {
    const postgres = await suitePostgres();
    if (!postgres.available) return;
    const { host } = new URL(postgres.urlOf('postgres').replace(/^\w+:/, 'tcp:'));
    for (const tls of [false, true]) {
      expect(await problemAt(host, { tls })).toMatch(
        / is no Temporal service: a Postgres server; correct the port/,
      );
    }
  });

  test('a service without TLS, asked for it by a variable or by an API key', async () => {
    const address = suiteAddress();
    const takesNone = `the Temporal service at ${address} takes no TLS, and this process connects with it; `;
    expect(await problemAt(address, { tls: true })).toContain(`${takesNone}unset TEMPORAL_TLS and`);
    expect(await problemAt(address, { apiKey: 'a key' })).toContain(
      `${takesNone}an API key alone asks for TLS: unset TEMPORAL_API_KEY`,
    );
  });

  test('a service that answers with a refusal, or answers now', async () => {
    const service = await openRefusingService(() => 16);
    closing.push(() => service.close());
    expect(await problemAt(service.address)).toContain('does not take the credentials of this process');
    expect(await problemAt(suiteAddress())).toMatch(
      /could not be connected to \(it did not connect\), and answers now; try again$/,
    );
  });
});

const describeWithTls = hasOpenssl ? describe : describe.skip;
if (!hasOpenssl) console.warn('skipped: certificates are made by the program openssl, and it is not here');

describeWithTls('TLS', () => {
  const certificates = certificatesIn(sharedTemporaryFolder());
  const read = (name: string): Buffer => readFileSync(certificates.path(name));
  const pair = (name: string) => ({ crt: read(`${name}.pem`), key: read(`${name}.key`) });

  beforeAll(() => {
    certificates.authority('ours');
    certificates.authority('theirs');
    for (const name of ['server', 'client']) certificates.sign(name, 'ours', name, 'IP:127.0.0.1');
    certificates.sign('elsewhere', 'ours', 'elsewhere', 'DNS:temporal.panic-tda.test');
    certificates.sign('stranger', 'theirs', 'stranger', 'IP:127.0.0.1');
    certificates.signExpired('old', 'ours', 'old', 'IP:127.0.0.1');
  });

  /** The suite's server behind TLS. */
  async function secured(name: string, options: TlsOptions = {}): Promise<string> {
    const { crt, key } = pair(name);
    const server = createTlsServer({ cert: crt, key, ALPNProtocols: ['h2'], ...options }, (near) => {
      const { hostname, port } = new URL(`tcp://${suiteAddress()}`);
      const far = connect(Number(port), hostname);
      near.on('error', () => far.destroy()).on('close', () => far.destroy());
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      near.pipe(far).pipe(near);
    });
    return await listening(server);
  }

  /** TLS of another library, which tells its clients why it refuses them. */
  async function askingForCertificate(...versions: readonly string[]): Promise<string> {
    const address = await freeAddress();
    const files = ['-cert', 'server.pem', '-key', 'server.key', '-CAfile', 'ours.pem'];
    const server = spawn(
      'openssl',
      [
        's_server',
        '-accept',
        address,
        ...files,
        '-Verify',
        '1',
        '-verify_return_error',
        '-quiet',
        ...versions,
      ],
      { cwd: certificates.path('.'), stdio: 'ignore' },
    );
    closing.push(() => endOf(server));
    const { hostname, port } = new URL(`tcp://${address}`);
    await untilTaken(Number(port), hostname);
    return address;
  }

  const trusting = (more: object = {}): Options => ({
    tls: { serverRootCACertificate: read('ours.pem'), ...more },
  });

  test('is what the service wants, and this process does not use', async () => {
    expect(await problemAt(await secured('server'))).toMatch(/ wants TLS, .*; set TEMPORAL_TLS=true/);
    expect(await problemAt(await askingForCertificate())).toMatch(/ wants TLS, .*; set TEMPORAL_TLS=true/);
  });

  test('is with a certificate of an unknown authority, for another host, or that expired', async () => {
    const sound = await secured('server');
    expect(await problemAt(sound, { tls: true })).toMatch(
      /^this process does not know the authority "ours of a test" .*; name a file .* by TEMPORAL_TLS_SERVER_CA_CERT_PATH$/,
    );
    expect(await problemAt(await secured('stranger'), trusting())).toContain(
      'the authority "theirs of a test"',
    );
    expect(await problemAt(await secured('elsewhere'), trusting())).toMatch(
      /^the certificate of .* is for DNS:temporal\.panic-tda\.test, and not for 127\.0\.0\.1; .*TEMPORAL_TLS_SERVER_NAME/,
    );
    expect(await problemAt(sound, trusting({ serverNameOverride: 'lab.test' }))).toContain(
      'is for IP Address:127.0.0.1, and not for lab.test;',
    );
    expect(await problemAt(await secured('old'), trusting())).toMatch(
      /^the certificate of .* is valid from Jan +1 .* 2020 GMT to Jan +2 .* 2020 GMT, and not now/,
    );
  });

  test.each([['-tls1_2'], ['-tls1_3']])('with %s, wants the certificate of a client', async (version) => {
    const address = await askingForCertificate(version);
    expect(await problemAt(address, trusting())).toMatch(
      /wants a client certificate, and this process has none \(.*\); name one and its key by TEMPORAL_TLS_CLIENT_CERT_PATH/,
    );
    expect(await problemAt(address, trusting({ clientCertPair: pair('stranger') }))).toMatch(
      /does not take the client certificate of this process \(.*unknown ca\); get one from the authority/,
    );
    expect(await problemAt(address, trusting({ clientCertPair: pair('old') }))).toMatch(
      /does not take the client certificate .*: it is valid from Jan +1 .* 2020 GMT to .*, and not now; get one/,
    );
  });

  test('of the suite behind Node, which ends a connection without a word', async () => {
    const ca = read('ours.pem');
    const address = await secured('server', { requestCert: true, rejectUnauthorized: true, ca });
    expect(await problemAt(address, trusting())).toContain('wants a client certificate');
    expect(await problemAt(address, trusting({ clientCertPair: pair('stranger') }))).toContain(
      'does not take the client certificate of this process',
    );
  });

  test('with a key of another certificate, or a file that holds none', async () => {
    const address = await secured('server');
    const mixed = { crt: read('client.pem'), key: read('server.key') };
    expect(await problemAt(address, trusting({ clientCertPair: mixed }))).toMatch(
      /^the files of the variables TEMPORAL_TLS_\.\.\. cannot be used \(key values mismatch\)/,
    );
    const none = { crt: Buffer.from('no certificate'), key: read('client.key') };
    expect(await problemAt(address, trusting({ clientCertPair: none }))).toContain(
      'cannot be used (no start line)',
    );
  });

  test('every command says the same', async () => {
    const env = {
      TEMPORAL_ADDRESS: await secured('elsewhere'),
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificates.path('ours.pem'),
    };
    const folder = folderWith({
      'e.json': {
        networks: [['DummyT2I', 'DummyI2T']],
        prompts: ['a'],
        seeds: [3],
        embedding_models: ['Dummy'],
        max_length: 4,
      },
    });
    const said = expect.stringContaining('is for DNS:temporal.panic-tda.test, and not for 127.0.0.1');
    const [run, worker, doctor] = await Promise.all(
      [['run', 'e.json'], ['worker'], ['doctor']].map((words) => panicTda(folder, words, env)),
    );
    expect(run).toMatchObject({ code: 2, stderr: said });
    expect(worker).toMatchObject({ code: 2, stderr: said });
    expect(doctor).toMatchObject({ code: 1, stdout: said });
  });
});

/**
 * A process that listens and is stopped. The kernel accepts as many connections for it as `backlog` allows.
 */
async function stoppedListener(backlog: number): Promise<{ address: string }> {
  const child = spawn(
    process.execPath,
    [
      '-e',
      `const server = require('node:net').createServer().listen(
        { port: 0, host: '127.0.0.1', backlog: ${backlog} }, () => console.log(server.address().port))`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
  );
  closing.push(() => endOf(child));
  const port = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data).trim())),
  );
  child.kill('SIGSTOP');
  return { address: `127.0.0.1:${port}` };
}

async function endOf(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await ended;
  }
}

async function untilTaken(port: number, host: string): Promise<void> {
  for (;;) {
    const socket = connect(port, host);
    const taken = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (taken) return;
  }
}
