import type { ImageArtifact } from '../../experiment/artifact.js';
import { errorMessage, PanicError } from '../../common/errors.js';
import { decodePicture } from '../../experiment/pictures/decode.js';
import { quoted } from '../../common/problems.js';
import { excerptOf, onOneLine } from '../../common/text.js';
import { errorText, filteredText, isNothing, type ServedPicture } from './answers.js';
import type { ImageSettings } from './settings.js';

/** Words for a whole picture. Stability writes capitals. */
const WHOLE: ReadonlySet<string> = new Set(['stop', 'success']);

/**
 * The picture in an images answer for a prompt. Throws PanicError `ModelOutputInvalid` unless it is PNG, JPEG or
 * WebP, whole and opaque, of exactly the wanted size, and painted from that prompt. Throws the signal's reason.
 */
export async function pictureOf(
  model: string,
  picture: ServedPicture,
  prompt: string,
  settings: ImageSettings,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  const invalid = (what: string): PanicError =>
    new PanicError('ModelOutputInvalid', `the server of ${model} ${what}`);
  if (!isNothing(picture.error)) throw invalid(`did not paint: it says ${errorText(picture.error)}`);
  for (const reason of [picture.finish_reason, picture.finishReason]) {
    if (isNothing(reason) || (typeof reason === 'string' && WHOLE.has(reason.toLowerCase()))) continue;
    throw invalid(
      `ended its picture with finish_reason ${excerptOf(JSON.stringify(reason), 100)}, not "stop"`,
    );
  }
  const filtered = filteredText(picture.content_filter_results);
  if (filtered !== null) throw invalid(filtered);
  const painted = picture.revised_prompt ?? '';
  if (!isNothing(painted) && painted !== prompt && settings.revised_prompt !== 'accept') {
    throw invalid(
      `painted another prompt than it was given: ${quoted(excerptOf(onOneLine(painted), 200))}; turn that off in the ` +
        'server, or set "revised_prompt": "accept"',
    );
  }
  return await decode(picture.b64_json, settings, invalid, signal);
}

/** More than programs store beside the pixels: settings, colour profiles, signatures. */
const BESIDE_PIXELS = 2 ** 22;
/** Of an incompressible PNG with transparency and 16 bits for a colour. */
const BYTES_PER_PIXEL = 8.1;

/** The most bytes that the picture of an answer may have. */
export function mostPictureBytes({ width, height }: Pick<ImageSettings, 'width' | 'height'>): number {
  return Math.ceil(width * height * BYTES_PER_PIXEL) + BESIDE_PIXELS;
}

async function decode(
  base64: string,
  settings: ImageSettings,
  invalid: (what: string) => PanicError,
  signal: AbortSignal,
): Promise<ImageArtifact> {
  const { width, height } = settings;
  const unreadable = (why: string): PanicError =>
    invalid(`answered with something that is no picture of ${width} x ${height}: ${why}`);
  const bytes = Math.floor((base64.length * 3) / 4);
  const most = mostPictureBytes(settings);
  if (bytes > most) throw unreadable(`it has ${bytes} bytes, and ${most} at most are decoded`);
  try {
    const limits = { formats: ['png', 'jpeg', 'webp'], size: { width, height }, signal } as const;
    const { picture, opaque } = await decodePicture(Buffer.from(base64, 'base64'), limits);
    if (opaque) return picture;
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(errorMessage(error));
  }
  throw invalid('painted a picture with transparent places, which have no colour');
}
