import { errorMessage } from '../../common/errors.js';
import { isDecodeRequest } from './decode-protocol.js';
import type { DecodeReply, DecodeRequest } from './decode-protocol.js';
import { pictureReader } from './library.js';

const sharp = await pictureReader();

async function decode({ bytes, pixels }: DecodeRequest): Promise<DecodeReply> {
  const picture = sharp(bytes, { limitInputPixels: pixels, failOn: 'warning' });
  const { hasAlpha } = await picture.clone().metadata();
  const opaque = !hasAlpha || (await picture.clone().stats()).isOpaque;
  const { data, info } = await picture
    .toColourspace('srgb')
    .removeAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== 3) return { ok: false, message: `it has ${channels} channels of colour` };
  return { ok: true, width, height, opaque, pixels: data };
}

process.on('SIGINT', () => {});
// A thread of the decoder cannot be interrupted, and an orderly exit would wait for it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (request) => {
  if (!isDecodeRequest(request)) throw new Error('a message is no request to decode a picture');
  decode(request).then(
    (reply) => process.send?.(reply),
    (error: unknown) => process.send?.({ ok: false, message: errorMessage(error) } satisfies DecodeReply),
  );
});
