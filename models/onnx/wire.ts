import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/**
 * Reads protobuf's wire format (https://protobuf.dev/programming-guides/encoding/) from a file, field by field. It
 * skips a field that the caller does not read by its length, so that gigabytes of weights cost one small read each.
 */
export interface Wire {
  /** Size of the file. */
  readonly bytes: number;
  byte(position: number): number;
  text(field: WireField): string;
  close(): void;
}

/** A field with a length: a text or another message, from `start` to before `end`. */
export interface WireField {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

const WINDOW_BYTES = 16 * 1024;
const LONGEST_TEXT_BYTES = 64 * 1024;
const LONGEST_VARINT_BYTES = 10;
const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;

export function openWire(file: string): Wire {
  const descriptor = openSync(file, 'r');
  const { size } = fstatSync(descriptor);
  const window = Buffer.alloc(WINDOW_BYTES);
  let windowStart = 0;
  let windowEnd = 0;
  return {
    bytes: size,
    byte(position) {
      if (position < windowStart || position >= windowEnd) {
        windowStart = position;
        windowEnd = position + readSync(descriptor, window, 0, WINDOW_BYTES, position);
        if (windowEnd === position) throw new Error(`the file ends at ${position}, within a field`);
      }
      return window[position - windowStart]!;
    },
    text({ start, end }) {
      if (end - start > LONGEST_TEXT_BYTES) throw new Error(`a name of ${end - start} bytes`);
      const bytes = Buffer.alloc(end - start);
      readSync(descriptor, bytes, 0, bytes.length, start);
      return bytes.toString('utf8');
    },
    close: () => closeSync(descriptor),
  };
}

/**
 * The fields with a length in a message that lies from `start` to before `end`. Throws where these bytes are no
 * message.
 */
export function* fieldsOf(wire: Wire, start: number, end: number): Generator<WireField> {
  for (const field of allFieldsOf(wire, start, end)) if ('start' in field) yield field;
}

/**
 * The numbers (varints) in such a message, by field. Where a field comes again, the last one counts, as protobuf
 * specifies.
 */
export function numbersOf(wire: Wire, start: number, end: number): Map<number, number> {
  const numbers = new Map<number, number>();
  for (const field of allFieldsOf(wire, start, end)) {
    if ('value' in field) numbers.set(field.number, field.value);
  }
  return numbers;
}

function* allFieldsOf(
  wire: Wire,
  start: number,
  end: number,
): Generator<WireField | { readonly number: number; readonly value: number }> {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let index = 0; index < LONGEST_VARINT_BYTES; index++) {
      if (at >= end) throw new Error(`a message ends at ${end}, within a field`);
      const byte = wire.byte(at++);
      // Multiplied and not shifted, since shifts end at 32 bits. Lengths are exact up to 2^53.
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new Error(`a number of more than ${LONGEST_VARINT_BYTES} bytes at ${at}`);
  };
  while (at < end) {
    const key = varint();
    const kind = key % 8;
    const number = Math.floor(key / 8);
    if (kind === VARINT) yield { number, value: varint() };
    else if (kind === FIXED_64) at += 8;
    else if (kind === FIXED_32) at += 4;
    else if (kind === LENGTH) {
      const length = varint();
      if (length > end - at) throw new Error(`a field at ${at} is longer than its message`);
      yield { number, start: at, end: at + length };
      at += length;
    } else throw new Error(`a field of the unknown kind ${kind} at ${at}`);
  }
  if (at !== end) throw new Error(`a message ends at ${end}, within a field`);
}
