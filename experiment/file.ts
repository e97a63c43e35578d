import { createReadStream } from 'node:fs';
import { unreadableFile } from '../common/file-text.js';
import type { Catalogue } from './model.js';
import { problem, type Problem } from '../common/problems.js';
import { parseExperimentBytes, type Validation } from './validate.js';

/** Larger than the prompts of a million runs, and small enough for a JavaScript string. */
const LARGEST_FILE_BYTES = 64 * 1024 * 1024;

/**
 * Reads and validates an experiment file (a path, or a pipe such as /dev/stdin), in UTF-8 with or without a
 * byte order mark. If the file cannot be read, the answer has a problem that says why; the promise does not
 * reject.
 */
export async function readExperimentFile(path: string, catalogue: Catalogue): Promise<Validation> {
  const bytes = await readBytes(path);
  if (bytes instanceof Uint8Array) return parseExperimentBytes(bytes, path, catalogue);
  return { ok: false, source: path, problems: [bytes] };
}

async function readBytes(path: string): Promise<Uint8Array | Problem> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > LARGEST_FILE_BYTES) return problem('', 'more than 64 MiB', 'a file of at most 64 MiB');
    }
  } catch (error) {
    return unreadableFile(error, 'the path of an experiment file (JSON)');
  }
  return Buffer.concat(chunks);
}
