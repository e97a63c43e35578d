/**
 * A shared library of Linux on x64, in memory. It contains no code, and needs the libraries of these names.
 * The loader treats it like any other. Numbers are those of the System V Application Binary Interface,
 * chapters 4 and 5.
 */
export function tinyLibrary(needed: readonly string[], padding = 0): Buffer {
  const HEADER = 64;
  const PROGRAM_HEADER = 56;
  const names = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`, 'latin1');
  let at = 1;
  const offsets = needed.map((name) => {
    const offset = at;
    at += name.length + 1;
    return offset;
  });
  const namesAt = HEADER + 2 * PROGRAM_HEADER;
  const symbolsAt = align(namesAt + names.length);
  const hashAt = symbolsAt + 24;
  const dynamicAt = align(hashAt + 20);
  const entries: [tag: number, value: number][] = [
    ...offsets.map((offset): [number, number] => [1, offset]),
    [4, hashAt],
    [5, namesAt],
    [6, symbolsAt],
    [10, names.length],
    [11, 24],
    [0, 0],
  ];
  const size = dynamicAt + entries.length * 16 + padding;
  const file = Buffer.alloc(size);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  // A shared object for x86-64.
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(HEADER), 32);
  file.writeUInt16LE(HEADER, 52);
  file.writeUInt16LE(PROGRAM_HEADER, 54);
  file.writeUInt16LE(2, 56);
  file.writeUInt16LE(64, 58);
  const segment = (index: number, type: number, offset: number, bytes: number): void => {
    const base = HEADER + index * PROGRAM_HEADER;
    file.writeUInt32LE(type, base);
    file.writeUInt32LE(6, base + 4);
    for (const [field, value] of [offset, offset, offset, bytes, bytes, 4096].entries()) {
      file.writeBigUInt64LE(BigInt(value), base + 8 + field * 8);
    }
  };
  segment(0, 1, 0, size);
  segment(1, 2, dynamicAt, entries.length * 16);
  file.set(names, namesAt);
  // One bucket without symbols, and the symbol with which every table begins.
  file.writeUInt32LE(1, hashAt);
  file.writeUInt32LE(1, hashAt + 4);
  for (const [index, [tag, value]] of entries.entries()) {
    file.writeBigInt64LE(BigInt(tag), dynamicAt + index * 16);
    file.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  }
  return file;
}

function align(offset: number): number {
  return Math.ceil(offset / 16) * 16;
}
