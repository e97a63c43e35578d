import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ImageArtifact, pictureExcess } from '../artifact.js';
import { childEnvironment } from '../../common/child-environment.js';
import { compiledFile } from '../../common/compiled-file.js';
import { endChild } from '../../common/end-child.js';
import { PanicError } from '../../common/errors.js';
import { usableCores } from '../../common/machine.js';
import { afterWorkingTime } from '../../common/working-time.js';
import { isDecodeReply } from './decode-protocol.js';
import type { DecodeReply, DecodeRequest } from './decode-protocol.js';
import { type PictureFormat, pictureHeader } from './header.js';

/**
 * The picture is at fault: the bytes are no picture, the format or size is not the expected one, or its
 * pixels cannot be read.
 */
export class UnreadablePicture extends Error {
  override readonly name = 'UnreadablePicture';
}

export interface PictureLimits {
  readonly formats: readonly PictureFormat[];
  /** The size that the picture must have; if absent, any size that the store keeps. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Longest wait for the picture, in milliseconds of this process's working time. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface DecodedPicture {
  readonly picture: ImageArtifact;
  /**
   * Whether no pixel is transparent. The colours behind a transparent place are what the program that wrote
   * the file happened to leave there.
   */
  readonly opaque: boolean;
}

/** About a hundred times as long as a fast machine takes: a busy one took 13 s for 8192 x 8192. */
const TIMEOUT_MS = 60_000;
const TIMEOUT_MS_PER_PIXEL = 0.005;
const MOST_PROCESSES = Math.min(2, usableCores());

/**
 * Decodes a picture from outside. No other code decodes any. The function reads format and size from the
 * header, and refuses anything unexpected before a decoder sees it. The decoder runs in a process of its own,
 * because its native code cannot be interrupted: this function ends the process when the time is over or the
 * signal aborts. The event loop of this process stays free.
 *
 * Throws UnreadablePicture; PanicError `DeviceError` if the time is over or the process dies; and the
 * signal's reason.
 */
export async function decodePicture(bytes: Uint8Array, limits: PictureLimits): Promise<DecodedPicture> {
  const { width, height } = checkedHeader(bytes, limits);
  const { timeoutMs = TIMEOUT_MS + width * height * TIMEOUT_MS_PER_PIXEL, signal } = limits;
  signal?.throwIfAborted();
  const place = await freePlace(signal);
  try {
    const reply = await ask(place, { bytes, pixels: width * height }, timeoutMs, signal);
    if (!reply.ok) throw new UnreadablePicture(`its pixels cannot be read: ${reply.message}`);
    if (reply.width !== width || reply.height !== height) {
      throw new UnreadablePicture(
        `its header says ${width} x ${height}, and its pixels are ${reply.width} x ${reply.height}`,
      );
    }
    const { opaque, pixels } = reply;
    return { picture: { modality: 'image', width, height, pixels }, opaque };
  } finally {
    leave(place);
  }
}

function checkedHeader(
  bytes: Uint8Array,
  { formats, size }: PictureLimits,
): { width: number; height: number } {
  const header = pictureHeader(bytes);
  if (header === null || !formats.includes(header.format)) {
    throw new UnreadablePicture(`it is no picture in ${formats.map((format) => NAMES[format]).join(', ')}`);
  }
  const { width, height, animated } = header;
  if (animated) throw new UnreadablePicture('it is an animation, not one picture');
  if (size !== undefined && (width !== size.width || height !== size.height)) {
    throw new UnreadablePicture(
      `it is of ${width} x ${height} pixels, not of ${size.width} x ${size.height}`,
    );
  }
  const excess = pictureExcess(width, height);
  if (width === 0 || height === 0 || excess !== null) {
    throw new UnreadablePicture(
      `it is of ${width} x ${height} pixels; ${excess ?? 'at least 1 a side'} are kept`,
    );
  }
  return { width, height };
}

const NAMES: Readonly<Record<PictureFormat, string>> = { png: 'PNG', jpeg: 'JPEG', webp: 'WebP' };

/** Ends the idle decoder processes; the next picture starts one again. Resolves when they have ended. */
export async function endIdleDecoders(): Promise<void> {
  await Promise.all(
    free.map(async (place) => {
      const decoder = place.process;
      if (decoder === null) return;
      place.process = null;
      const gone = once(decoder, 'exit').catch(() => undefined);
      keepAlive(decoder, true);
      endChild(decoder);
      await gone;
    }),
  );
}

/** A place for one process, which decodes one picture at a time. */
interface Place {
  process: ChildProcess | null;
  /** The request that waits for the process's answer. */
  asked: { answer(reply: DecodeReply): void; fail(why: string): void } | null;
}

const free: Place[] = Array.from({ length: MOST_PROCESSES }, () => ({ process: null, asked: null }));
/** Requests that wait for a place, in their order. */
const waiting: ((place: Place) => void)[] = [];

async function freePlace(signal: AbortSignal | undefined): Promise<Place> {
  const started = free.findIndex((place) => place.process !== null);
  const [place] = free.splice(Math.max(started, 0), 1);
  if (place !== undefined) return place;
  return await new Promise((resolve, reject) => {
    const take = (freed: Place): void => {
      signal?.removeEventListener('abort', giveUp);
      resolve(freed);
    };
    const giveUp = (): void => {
      waiting.splice(waiting.indexOf(take), 1);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    waiting.push(take);
  });
}

function leave(place: Place): void {
  const next = waiting.shift();
  if (next === undefined) free.push(place);
  else next(place);
}

async function ask(
  place: Place,
  request: DecodeRequest,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<DecodeReply> {
  const decoder = (place.process ??= start(place));
  keepAlive(decoder, true);
  const settled = new AbortController();
  try {
    return await new Promise((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new PanicError('DeviceError', `the process that decodes pictures ${why}`));
      const abort = (): void => reject(signal?.reason);
      const stopTimer = afterWorkingTime(timeoutMs, () =>
        fail(`took longer than ${(timeoutMs / 1000).toFixed(0)} s`),
      );
      signal?.addEventListener('abort', abort, { signal: settled.signal });
      settled.signal.addEventListener('abort', stopTimer);
      place.asked = { answer: resolve, fail };
      // If `send` fails, the process is ending. A process without a channel did not start. In both cases an
      // event reports it.
      if (decoder.connected) decoder.send(request, () => undefined);
    });
  } catch (error) {
    place.process = null;
    endChild(decoder);
    throw error;
  } finally {
    place.asked = null;
    settled.abort();
    keepAlive(decoder, false);
  }
}

function start(place: Place): ChildProcess {
  const decoder = fork(compiledFile('experiment/pictures/decode-main.js'), [], {
    serialization: 'advanced',
    execArgv: [],
    env: childEnvironment('decoder'),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const lose = (how: string): void => {
    if (place.process !== decoder) return;
    place.process = null;
    place.asked?.fail(how);
  };
  decoder.on('message', (reply) => {
    if (place.process !== decoder) return;
    if (isDecodeReply(reply)) place.asked?.answer(reply);
    else place.asked?.fail('gave an answer that this program does not know');
  });
  decoder.on('exit', (code, signal) =>
    lose(signal === null ? `ended with code ${code}` : `ended by ${signal}`),
  );
  decoder.on('error', (error) => lose(`did not start, or cannot be reached: ${error.message}`));
  return decoder;
}

/** An idle process must not keep this process alive; it ends when its channel closes. */
function keepAlive(decoder: ChildProcess, keep: boolean): void {
  if (keep) {
    decoder.ref();
    decoder.channel?.ref();
  } else {
    decoder.unref();
    decoder.channel?.unref();
  }
}
