import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { MAX_PICTURE_PIXELS } from '../../experiment/artifact.js';
import { requestJson } from '../../models/servers/http-json.js';
import { mostPictureBytes } from '../../models/servers/painting.js';
import { portOf } from '../../workers/processes/free-ports.js';

test('an answer as long as the largest uncompressed picture is read', async () => {
  const base64 = Buffer.alloc(MAX_PICTURE_PIXELS * 3 + 2 ** 16, 'x').toString('base64');
  const server = createServer((_, response) => {
    response.write('{"b64_json":"');
    response.write(base64);
    response.end('"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const port = portOf(server);
    const answer = await requestJson({
      url: new URL(`http://127.0.0.1:${port}/`),
      timeoutMs: 120_000,
      apiKey: undefined,
      maxBytes: (4 * mostPictureBytes({ width: 8192, height: 8192 })) / 3,
      signal: new AbortController().signal,
    });
    // Compares lengths, since Jest would print the whole text of a difference.
    expect(
      typeof answer === 'object' && answer !== null && 'b64_json' in answer && String(answer.b64_json).length,
    ).toBe(base64.length);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
