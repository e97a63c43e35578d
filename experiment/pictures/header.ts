/**
 * The formats that this program decodes: model servers answer with any of them, and the store keeps pictures
 * in one of them.
 */
export type PictureFormat = 'png' | 'jpeg' | 'webp';

/** The facts that a picture's header states, before any decoding. */
export interface PictureHeader {
  readonly format: PictureFormat;
  readonly width: number;
  readonly height: number;
  /** Whether the picture has more than one frame. */
  readonly animated: boolean;
}

/**
 * Reads the format from the first bytes of a picture, and the size from the place where the format keeps it.
 * Null for other bytes, and for a picture that ends within its header.
 */
export function pictureHeader(bytes: Uint8Array): PictureHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return pngHeader(view) ?? jpegHeader(view) ?? webpHeader(view);
  } catch (error) {
    // The picture ends within its header.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

const PNG_SIGNATURE = 0x89504e470d0a1a0an;

/**
 * https://www.w3.org/TR/png-3/#5DataRep: IHDR comes first, and the `acTL` of an animation comes before the
 * pixels.
 */
function pngHeader(view: DataView): PictureHeader | null {
  if (view.byteLength < 8 || view.getBigUint64(0) !== PNG_SIGNATURE || name(view, 12) !== 'IHDR') return null;
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  for (let at = 8; ; at += 12 + view.getUint32(at)) {
    const chunk = name(view, at + 4);
    if (chunk === 'acTL') return { format: 'png', ...size, animated: true };
    if (chunk === 'IDAT') return { format: 'png', ...size, animated: false };
  }
}

/**
 * ITU T.81, B.2.2: the markers of frame headers are SOF0 to SOF15, except DHT, JPG and DAC, whose numbers lie
 * between them.
 */
const NO_FRAMES: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc]);

function jpegHeader(view: DataView): PictureHeader | null {
  if (view.byteLength < 3 || view.getUint16(0) !== 0xffd8 || view.getUint8(2) !== 0xff) return null;
  for (let at = 2; ;) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.has(marker)) {
      return {
        format: 'jpeg',
        width: view.getUint16(at + 7),
        height: view.getUint16(at + 5),
        animated: false,
      };
    }
    // The pixels begin before any frame, or the file ends.
    if (marker === 0xda || marker === 0xd9) return null;
    at += 2 + view.getUint16(at + 2);
  }
}

const ANIMATION = 0x02;

/** RFC 9649: VP8 and VP8L have 14 bits for a side; the canvas of VP8X has 24. */
function webpHeader(view: DataView): PictureHeader | null {
  if (view.byteLength < 16 || name(view, 0) !== 'RIFF' || name(view, 8) !== 'WEBP') return null;
  if (name(view, 12) !== 'VP8X') return webpFrame(view, 12);
  const canvas = { width: 1 + uint24(view, 24), height: 1 + uint24(view, 27) };
  if ((view.getUint8(20) & ANIMATION) !== 0) return { format: 'webp', ...canvas, animated: true };
  for (let at = 30; ; at += 8 + evenly(view.getUint32(at + 4, true))) {
    const frame = webpFrame(view, at);
    if (frame === null) continue;
    return frame.width === canvas.width && frame.height === canvas.height ? frame : null;
  }
}

function webpFrame(view: DataView, at: number): PictureHeader | null {
  const chunk = name(view, at);
  if (chunk === 'VP8 ') {
    const width = view.getUint16(at + 14, true) & 0x3fff;
    return { format: 'webp', width, height: view.getUint16(at + 16, true) & 0x3fff, animated: false };
  }
  if (chunk !== 'VP8L') return null;
  const bits = view.getUint32(at + 9, true);
  return {
    format: 'webp',
    width: 1 + (bits & 0x3fff),
    height: 1 + ((bits >>> 14) & 0x3fff),
    animated: false,
  };
}

function name(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(at + index)));
}

function uint24(view: DataView, at: number): number {
  return view.getUint16(at, true) + 2 ** 16 * view.getUint8(at + 2);
}

function evenly(size: number): number {
  return size + (size % 2);
}
