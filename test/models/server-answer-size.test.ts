import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { MAX_PICTURE_PIXELS } from '../../experiment/artifact.js';
import { requestJson } from '../../models/servers/http-json.js';
import { mostPictureBytes } from '../../models/servers/painting.js';

test('an answer as long as the largest uncompressed picture is read', async () => {
  const base64 = Buffer.alloc(MAX_PICTURE_PIXELS * 3 + 2 ** 16, 'x').toString('base64');
  const server = createServer((_, response) => {
    response.write('{"b64_json":"');
    response.write(base64);
    response.end('"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await requestJson({
      url: new URL(`http://127.0.0.1:${port}/`),
      timeoutMs: 120_000,
      apiKey: undefined,
      maxBytes: (4 * mostPictureBytes({ width: 8192, height: 8192 })) / 3,
      signal: new AbortController().signal,
    });
    // Compares lengths, since Jest would print the whole text of a difference.
    expect(Buffer.byteLength((answer as { b64_json: string }).b64_json)).toBe(base64.length);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
