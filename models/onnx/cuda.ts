import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { errorMessage } from '../../common/errors.js';
import { sha256OfFile } from '../files/sha256.js';
import { readSharedLibrary } from './elf.js';

/**
 * The runtime's CUDA provider. The runtime's package does not contain it, since it is too large for the registry.
 * The package's file script/install-metadata.js names the package of NuGet that does.
 */
export interface CudaProvider {
  /** The runtime's list of packages, versions, feeds and files. */
  readonly metadata: string;
  /** The library, beside the runtime's own. */
  readonly library: string;
  /** The record of what `setup cuda` has fetched, with the SHA-256 of each file. */
  readonly record: string;
}

const SYSTEM = 'linux/x64';

/** The provider for a system; null for a system that has none. */
export function cudaProvider(
  packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
  system = `${process.platform}/${process.arch}`,
): CudaProvider | null {
  // `requirements` in the package's script/install-metadata.js.
  if (system !== SYSTEM) return null;
  const folder = join(packageFolder, 'bin', 'napi-v6', system);
  return {
    metadata: join(packageFolder, 'script', 'install-metadata.js'),
    library: join(folder, 'libonnxruntime_providers_cuda.so'),
    record: join(folder, 'panic-tda-cuda.json'),
  };
}

const recordSchema = z.strictObject({
  package: z.string(),
  version: z.string(),
  source: z.string(),
  /** SHA-512 of the whole package, base64; null where the feed had none. The fetch compared it. */
  packageSha512: z.string().nullable(),
  files: z.record(z.string(), z.strictObject({ bytes: z.number(), sha256: z.string() })),
});

export type CudaRecord = z.infer<typeof recordSchema>;

/** Whether the provider's files are those that `setup cuda` fetched. */
export type ProviderState =
  | { readonly state: 'whole' }
  /** A whole library without a record that `setup cuda` fetched it. */
  | { readonly state: 'unrecorded' }
  | { readonly state: 'missing' }
  /** `why` is a sentence about a file. */
  | { readonly state: 'damaged'; readonly why: string };

/** Compares the provider's files with the record of their fetch, by SHA-256. */
export async function providerState({ library, record }: CudaProvider): Promise<ProviderState> {
  if (!existsSync(library)) return { state: 'missing' };
  try {
    readSharedLibrary(library);
  } catch (error) {
    return { state: 'damaged', why: `${library} is damaged: ${errorMessage(error)}` };
  }
  const fetched = readRecord(record);
  if (fetched === null) return { state: 'unrecorded' };
  for (const [name, { sha256 }] of Object.entries(fetched.files)) {
    const file = join(dirname(library), name);
    if (!existsSync(file)) return { state: 'damaged', why: `${file} is not there` };
    if ((await sha256OfFile(file)) !== sha256) {
      return { state: 'damaged', why: `${file} is damaged: its SHA-256 is not that of what was fetched` };
    }
  }
  return { state: 'whole' };
}

function readRecord(file: string): CudaRecord | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

const metadataSchema = z.object({
  manifests: z.record(z.string(), z.record(z.string(), z.object({ package: z.string(), path: z.string() }))),
  packages: z.record(
    z.string(),
    z.object({
      name: z.string(),
      versions: z.array(z.object({ feed: z.string(), version: z.string() })).min(1),
    }),
  ),
  feeds: z.record(z.string(), z.object({ type: z.string(), index: z.url() })),
});

/** What the runtime states about its provider: the package, the feeds, and the files that it needs. */
export interface CudaSource {
  readonly package: string;
  /** In the order in which the runtime prefers them. */
  readonly versions: readonly { readonly index: string; readonly version: string }[];
  /** Paths in the package, by the name of the file beside the runtime. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Reads the runtime's list. Throws Error where the list is missing, or has another form than in onnxruntime-node
 * 1.30.
 */
export function cudaSource({ metadata }: Pick<CudaProvider, 'metadata'>): CudaSource {
  const { manifests, packages, feeds } = metadataSchema.parse(createRequire(import.meta.url)(metadata));
  // The name says "cuda12" even where the package is built for CUDA 13.
  const manifest = Object.entries(manifests).find(([name]) => name.startsWith(`${SYSTEM}:cuda`))?.[1];
  const from = Object.values(manifest ?? {})[0]?.package;
  const source = from === undefined ? undefined : packages[from];
  if (manifest === undefined || source === undefined) throw new Error(`${metadata} names no CUDA provider`);
  const versions = source.versions.flatMap(({ feed, version }) => {
    const index = feeds[feed]?.index;
    return index === undefined ? [] : [{ index, version }];
  });
  const files = Object.entries(manifest).map(
    ([name, { path }]) => [name.replace(/^\.\//, ''), path] as const,
  );
  return { package: source.name, versions, files: Object.fromEntries(files) };
}
