import type { ImageArtifact } from '../../experiment/artifact.js';
import { errorMessage, PanicError } from '../../experiment/errors.js';
import { quoted } from '../../experiment/problems.js';
import { excerptOf, onOneLine } from '../../experiment/text.js';
import { errorText, filteredText, isNothing, type ServedPicture } from './answers.js';
import type { ImageSettings } from './settings.js';

/** Words for a picture that is whole; Stability writes capitals. */
const WHOLE: ReadonlySet<string> = new Set(['stop', 'success']);

/**
 * The picture that an images answer gives for a prompt. Throws PanicError `ModelOutputInvalid` unless it is a whole and opaque one, of
 * exactly the size that was asked for, painted from that prompt.
 */
export async function pictureOf(
  model: string,
  picture: ServedPicture,
  prompt: string,
  settings: ImageSettings,
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
  return await decode(picture.b64_json, settings, invalid);
}

async function decode(
  base64: string,
  { width, height }: ImageSettings,
  invalid: (what: string) => PanicError,
): Promise<ImageArtifact> {
  const { default: sharp } = await import('sharp');
  const picture = sharp(Buffer.from(base64, 'base64'), { limitInputPixels: width * height });
  const unreadable = (error: unknown): never => {
    throw invalid(
      `answered with something that is no picture of ${width} x ${height}: ${errorMessage(error)}`,
    );
  };
  const { isOpaque } = await picture.clone().stats().catch(unreadable);
  // Colours behind a transparent place are whatever the program that wrote the file left there.
  if (!isOpaque) throw invalid('painted a picture with transparent places, which have no colour');
  const { data, info } = await picture
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(unreadable);
  if (info.width !== width || info.height !== height || info.channels !== 3) {
    throw invalid(`painted ${info.width} x ${info.height} where ${width} x ${height} was asked for`);
  }
  return { modality: 'image', width, height, pixels: new Uint8Array(data) };
}
