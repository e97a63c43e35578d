import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';

/**
 * An entry in the list of a ZIP archive. This file streams one entry, so that an archive of hundreds of MB is never
 * in memory. Field positions are those of APPNOTE 6.3.10
 * (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.7, 4.3.12 and 4.3.16.
 */
interface Entry {
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly headerAt: number;
}

const END_BYTES = 22;
const LONGEST_COMMENT = 65_535;
/** The most bytes of an archive's list: enough for some hundred thousand files. */
const MOST_LIST_BYTES = 2 ** 25;
const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
/** This value means that a ZIP64 record has the size. */
const IN_ZIP64 = 0xffffffff;
const STORED = 0;
const DEFLATED = 8;

/** A file of the archive, after it was written. */
export interface Extracted {
  readonly bytes: number;
  /** hex */
  readonly sha256: string;
}

/**
 * Writes the archive's file `name` to `target` and compares its length and its CRC-32 with those of the archive's list. Throws
 * Error that says what is wrong with the archive: it is cut, damaged, or lacks the file.
 */
export async function extractZipEntry(archive: string, name: string, target: string): Promise<Extracted> {
  const handle = await open(archive, 'r');
  try {
    const entry = await findEntry(handle, name);
    const start = await dataStart(handle, entry);
    const sha256 = createHash('sha256');
    let crc = 0;
    let bytes = 0;
    const count = new Transform({
      transform(chunk: Buffer, _, done) {
        bytes += chunk.length;
        if (bytes > entry.bytes) {
          done(new Error(`its file ${name} is damaged: it is longer than the archive says`));
          return;
        }
        crc = crc32(chunk, crc);
        sha256.update(chunk);
        done(null, chunk);
      },
    });
    const packed = handle.createReadStream({ start, end: start + entry.packedBytes - 1, autoClose: false });
    const unpack =
      entry.method === STORED
        ? new Transform({ transform: (chunk, _, done) => done(null, chunk) })
        : createInflateRaw();
    await pipeline(packed, unpack, count, createWriteStream(target));
    if (bytes !== entry.bytes || crc !== entry.crc) throw new Error(`its file ${name} is damaged`);
    return { bytes, sha256: sha256.digest('hex') };
  } finally {
    await handle.close();
  }
}

async function findEntry(handle: FileHandle, name: string): Promise<Entry> {
  const { size } = await handle.stat();
  const tail = await readAt(handle, Math.max(0, size - END_BYTES - LONGEST_COMMENT), size);
  let end = tail.length - END_BYTES;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw new Error('it is no ZIP archive, or is cut');
  const listBytes = tail.readUInt32LE(end + 12);
  const listAt = tail.readUInt32LE(end + 16);
  if (listAt === IN_ZIP64) throw new Error('it is a ZIP64 archive, which is not read here');
  if (listBytes > MOST_LIST_BYTES || listAt + listBytes > size)
    throw new Error('its list of files is damaged');
  const list = await readAt(handle, listAt, listAt + listBytes);
  for (let at = 0; at + ENTRY_BYTES <= list.length;) {
    if (list.readUInt32LE(at) !== ENTRY_SIGNATURE) throw new Error('its list of files is damaged');
    const nameBytes = list.readUInt16LE(at + 28);
    const next = at + ENTRY_BYTES + nameBytes + list.readUInt16LE(at + 30) + list.readUInt16LE(at + 32);
    if (list.toString('utf8', at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes) === name)
      return entryAt(list, at);
    at = next;
  }
  throw new Error(`it has no file ${name}`);
}

function entryAt(list: Buffer, at: number): Entry {
  const entry = {
    method: list.readUInt16LE(at + 10),
    crc: list.readUInt32LE(at + 16),
    packedBytes: list.readUInt32LE(at + 20),
    bytes: list.readUInt32LE(at + 24),
    headerAt: list.readUInt32LE(at + 42),
  };
  if (entry.method !== STORED && entry.method !== DEFLATED)
    throw new Error('it is packed in a way that is not read here');
  if ([entry.packedBytes, entry.bytes, entry.headerAt].includes(IN_ZIP64)) {
    throw new Error('it is a ZIP64 archive, which is not read here');
  }
  return entry;
}

async function dataStart(handle: FileHandle, { headerAt }: Entry): Promise<number> {
  const header = await readAt(handle, headerAt, headerAt + LOCAL_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw new Error('its list of files is damaged');
  return headerAt + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function readAt(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const buffer = Buffer.alloc(to - from);
  for (let done = 0; done < buffer.length;) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, from + done);
    if (bytesRead === 0) throw new Error('it is cut');
    done += bytesRead;
  }
  return buffer;
}
