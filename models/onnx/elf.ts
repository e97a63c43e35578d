import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * What this program reads of a shared library in the format ELF, 64 bits, little endian (System V Application
 * Binary Interface, chapters 4 and 5: https://www.sco.com/developers/gabi/latest/contents.html).
 */
export interface SharedLibrary {
  /** Names of the libraries that the loader needs for it (DT_NEEDED), in order. */
  readonly needed: readonly string[];
  /** The least size of the file in bytes: all of its segments, and its table of sections. */
  readonly expectedBytes: number;
  readonly bytes: number;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_STRSZ = 10n;
/** The most bytes of a part that is read, far above any library's. A damaged header may state any size. */
const MOST_BYTES = 2 ** 24;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/**
 * Reads a shared library. Throws Error that says what is wrong with the file: it is cut, is no ELF library, or
 * cannot be read.
 */
export function readSharedLibrary(file: string): SharedLibrary {
  const handle = openSync(file, 'r');
  try {
    const { size } = fstatSync(handle);
    const read = (offset: number, bytes: number): Buffer => {
      if (offset + bytes > size) throw new Error(`it is cut: it ends after ${size} bytes`);
      if (bytes > MOST_BYTES) throw new Error('its header is damaged');
      const buffer = Buffer.alloc(bytes);
      for (let done = 0; done < bytes;) {
        const count = readSync(handle, buffer, done, bytes - done, offset + done);
        if (count === 0) throw new Error(`it is cut: it ends after ${offset + done} bytes`);
        done += count;
      }
      return buffer;
    };
    return parse(read, size);
  } finally {
    closeSync(handle);
  }
}

function parse(read: (offset: number, bytes: number) => Buffer, size: number): SharedLibrary {
  const header = read(0, HEADER_BYTES);
  const isElf64 = header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
  if (!isElf64) throw new Error('it is no shared library of Linux');
  const sectionEnd = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(60) * SECTION_HEADER_BYTES;
  const count = header.readUInt16LE(56);
  const table = read(Number(header.readBigUInt64LE(32)), count * PROGRAM_HEADER_BYTES);
  const segments = Array.from({ length: count }, (_, k) => segmentAt(table, k * PROGRAM_HEADER_BYTES));
  const expectedBytes = Math.max(sectionEnd, ...segments.map(({ offset, bytes }) => offset + bytes));
  if (expectedBytes > size) {
    throw new Error(`it is cut: it has ${size} of the ${expectedBytes} bytes that its header names`);
  }
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) throw new Error('it is no shared library of Linux');
  return {
    needed: neededBy(read(dynamic.offset, dynamic.bytes), segments, read),
    expectedBytes,
    bytes: size,
  };
}

function segmentAt(table: Buffer, at: number): Segment {
  return {
    type: table.readUInt32LE(at),
    offset: Number(table.readBigUInt64LE(at + 8)),
    address: Number(table.readBigUInt64LE(at + 16)),
    bytes: Number(table.readBigUInt64LE(at + 32)),
  };
}

function neededBy(
  dynamic: Buffer,
  segments: readonly Segment[],
  read: (offset: number, bytes: number) => Buffer,
): string[] {
  const entries = Array.from({ length: Math.floor(dynamic.length / 16) }, (_, k) => ({
    tag: dynamic.readBigInt64LE(k * 16),
    value: Number(dynamic.readBigUInt64LE(k * 16 + 8)),
  }));
  const valueOf = (wanted: bigint): number => {
    const entry = entries.find(({ tag }) => tag === wanted);
    if (entry === undefined) throw new Error('its table of names is missing');
    return entry.value;
  };
  const names = entries.filter(({ tag }) => tag === DT_NEEDED);
  if (names.length === 0) return [];
  const address = valueOf(DT_STRTAB);
  const holder = segments.find(
    (segment) =>
      segment.type === PT_LOAD && address >= segment.address && address < segment.address + segment.bytes,
  );
  if (holder === undefined) throw new Error('its table of names is missing');
  const texts = read(address - holder.address + holder.offset, valueOf(DT_STRSZ));
  return names.map(({ value }) => texts.toString('latin1', value, texts.indexOf(0, value)));
}
