import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { cleanUp } from '../support/cli-process.js';
import { certificatesIn, hasOpenssl } from '../support/certificates.js';
import { suiteAddress } from '../support/suite-server.js';
import { sharedTemporaryFolder } from '../support/temporary-folder.js';
import { experimentFile } from '../support/laboratory.js';
import { openFleet, type Fleet } from '../support/fleet.js';

if (!hasOpenssl)
  console.warn('skipped: TLS is tested with certificates that the program openssl makes, and it is not here');
const testWithTls = hasOpenssl ? test : test.skip;

const SERVER_NAME = 'temporal.panic-tda.test';

const EXPERIMENT = {
  networks: [['DummyT2I', 'DummyI2T']],
  prompts: ['a lighthouse in fog'],
  seeds: [3],
  embedding_models: ['Dummy'],
  max_length: 4,
};

let fleet: Fleet | null = null;
let service: Awaited<ReturnType<typeof openSecureService>> | null = null;
const certificates = certificatesIn(sharedTemporaryFolder());

beforeAll(() => {
  if (!hasOpenssl) return;
  certificates.authority('ca');
  certificates.sign('server', 'ca', SERVER_NAME, `DNS:${SERVER_NAME}`);
  certificates.sign('client', 'ca', 'a worker', 'DNS:worker.panic-tda.test');
});
afterEach(async () => {
  await fleet?.close();
  await service?.close();
  fleet = null;
  service = null;
});
afterAll(cleanUp);

function read(name: string): Buffer {
  return readFileSync(certificates.path(name));
}

/**
 * A hosted service, as its clients see it: TLS that asks for a certificate, and behind it the suite's server.
 */
async function openSecureService() {
  const { hostname, port } = new URL(`tcp://${suiteAddress()}`);
  const sockets = new Set<TLSSocket>();
  const clients = new Set<string>();
  const server = createServer(
    {
      key: read('server.key'),
      cert: read('server.pem'),
      ca: read('ca.pem'),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (near) => {
      sockets.add(near);
      clients.add(String(near.getPeerCertificate().subject?.CN));
      const far = connect(Number(port), hostname);
      near.on('error', () => far.destroy()).on('close', () => far.destroy());
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      near.pipe(far).pipe(near);
    },
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    address: `127.0.0.1:${address.port}`,
    clients,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

testWithTls(
  'a worker and the command line go through mTLS that variables or a profile configure; without the certificate no client connects',
  async () => {
    service = await openSecureService();
    const trust = {
      TEMPORAL_ADDRESS: service.address,
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_SERVER_NAME: SERVER_NAME,
      TEMPORAL_TLS_SERVER_CA_CERT_PATH: certificates.path('ca.pem'),
    };
    fleet = await openFleet(null, trust);
    const config = join(fleet.folder, 'temporal.toml');
    writeFileSync(
      config,
      `[profile.lab]
address = "${service.address}"
namespace = "${fleet.env['TEMPORAL_NAMESPACE']}"
api_key = "a key"
[profile.lab.tls]
server_name = "${SERVER_NAME}"
server_ca_cert_path = "${certificates.path('ca.pem')}"
client_cert_path = "${certificates.path('client.pem')}"
client_key_path = "${certificates.path('client.key')}"
`,
    );
    const profile = {
      TEMPORAL_CONFIG_FILE: config,
      TEMPORAL_PROFILE: 'lab',
      ...Object.fromEntries(Object.keys(trust).map((name) => [name, ''])),
      TEMPORAL_NAMESPACE: '',
    };
    const certificate = {
      TEMPORAL_TLS_CLIENT_CERT_PATH: certificates.path('client.pem'),
      TEMPORAL_TLS_CLIENT_KEY_PATH: certificates.path('client.key'),
    };
    // The worker connects by the profile, its API key included.
    await fleet.worker([], profile);
    expect(service.clients).toEqual(new Set(['a worker']));
    const file = experimentFile(fleet.folder, 'experiment', EXPERIMENT);
    const { code, stderr } = await fleet.command(['run', file], certificate).ended;
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining(service.address) });
    expect(service.clients).toEqual(new Set(['a worker']));
    service.clients.clear();
    const plan = await fleet.command(['plan', file], profile).ended;
    expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('panic-tda is served by') });
    expect(service.clients).toEqual(new Set(['a worker']));

    expect(await fleet.command(['worker', '--queues', 'cpu']).ended).toEqual({
      code: 2,
      stdout: expect.any(String),
      stderr: expect.stringContaining(
        `the Temporal service at ${service.address} wants a client certificate, and this process has none`,
      ),
    });
  },
);
