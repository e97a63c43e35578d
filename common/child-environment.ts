/**
 * The environment variables that a child process receives: those that its kind needs, by name. A key or a
 * password reaches only the processes that use it. A name that ends in "*" stands for all names with that
 * beginning.
 */

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Names, separated by commas, of further variables for every child. Drivers and wrappers that this list does
 * not know may need them.
 */
const PASSED = 'PANIC_TDA_PASS_VARIABLES';

const GROUPS = {
  /**
   * Variables that say where programs, folders and temporary files are and how to write words and times, and
   * those that the loader and the allocator read.
   */
  basic: [
    ...namesIn('PATH HOME USER LOGNAME SHELL TMPDIR TMP TEMP XDG_*'),
    ...namesIn('TZ TZDIR TERM NO_COLOR FORCE_COLOR LANG LANGUAGE'),
    ...namesIn('LC_ALL LC_COLLATE LC_CTYPE LC_MESSAGES LC_MONETARY LC_NUMERIC LC_TIME'),
    ...namesIn('LD_LIBRARY_PATH LD_PRELOAD DYLD_* GLIBC_TUNABLES MALLOC_* JEMALLOC_* MALLOC_CONF'),
    // The tests find the processes that they left by this variable.
    'SUITE_MARK',
    PASSED,
  ],
  go: ['GOMAXPROCS', 'GOGC', 'GOMEMLIMIT', 'GODEBUG', 'GOTRACEBACK'],
  node: [
    ...namesIn('NODE_OPTIONS NODE_ENV NODE_DEBUG NODE_DEBUG_NATIVE NODE_ICU_DATA NODE_NO_WARNINGS'),
    ...namesIn('NODE_PATH NODE_PENDING_DEPRECATION NODE_V8_COVERAGE UV_THREADPOOL_SIZE'),
    ...namesIn('UV_USE_IO_URING RUST_LOG RUST_BACKTRACE'),
  ],
  /** Certificates that a process trusts when it connects to other machines. */
  certificates: [
    ...namesIn('NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED SSL_CERT_FILE SSL_CERT_DIR'),
    ...namesIn('OPENSSL_CONF CURL_CA_BUNDLE REQUESTS_CA_BUNDLE'),
  ],
  /** The addresses of proxies may hold passwords. */
  proxies: namesIn('HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy'),
  python: ['PIP_*', 'NETRC'],
  devices: [
    ...namesIn('CUDA_* CUDNN_* CUBLAS_* NCCL_* ROCR_* ROCM_* HIP_* HSA_* MIOPEN_*'),
    // Each variable by its full name: NVIDIA_API_KEY is a key.
    ...namesIn('NVIDIA_VISIBLE_DEVICES NVIDIA_DRIVER_CAPABILITIES NVIDIA_TF32_OVERRIDE AMD_LOG_LEVEL'),
    ...namesIn(
      'GPU_DEVICE_ORDINAL GPU_MAX_HW_QUEUES VK_* MESA_* LIBGL_* EGL_* __EGL_* __GLX_* __GL_* DRI_PRIME DISPLAY',
    ),
    ...namesIn('WAYLAND_DISPLAY XAUTHORITY OMP_* KMP_* GOMP_* MKL_* OPENBLAS_* ORT_* VIPS_*'),
  ],
  /** Variables that a test model reads (models/test-models/faulty.ts). */
  drills: ['CRASHING_I2T_MARKER', 'POISONED_I2T_ANTIDOTE', 'GATED_I2T_GATE'],
  /** Our own variables that a worker of `run` reads. It gets its other settings by arguments, or by value. */
  worker: [
    ...namesIn('PANIC_TDA_CACHE PANIC_TDA_MODELS PANIC_TDA_CATALOGUE PANIC_TDA_ROUTES PANIC_TDA_FAULT'),
    ...namesIn('PANIC_TDA_TEST_MODELS PANIC_TDA_ACTIVITY_MS PANIC_TDA_SHARE_WITH_GROUP'),
    ...namesIn('PANIC_TDA_OBJECTS TEMPORAL_CONFIG_FILE TEMPORAL_PROFILE'),
  ],
  bucket: ['AWS_*', 'PANIC_TDA_S3_PATH_STYLE'],
  postgres: ['PG*'],
  modelServers: ['PANIC_TDA_SERVER_HOSTS', 'PANIC_TDA_SERVER_API_KEY'],
} as const satisfies Record<string, readonly string[]>;

type Group = keyof typeof GROUPS;

const KINDS = {
  /** A program that answers one question: the Temporal CLI for its version, `nvidia-smi`, `tar`. */
  probe: ['basic', 'devices'],
  /** The embedded Temporal server. */
  server: ['basic', 'go'],
  /** A worker of `run`. Its store and its models decide what else it needs. */
  worker: ['basic', 'node', 'devices', 'drills', 'worker'],
  /** A process that loads a model, tries a device or asks the loader for libraries. */
  runner: ['basic', 'node', 'devices', 'drills'],
  /** A process that decodes pictures. */
  decoder: ['basic', 'node'],
  /** A thread that computes: its libraries read the environment of its process. */
  thread: ['drills'],
  /** pip, which downloads the Temporal CLI. */
  pip: ['basic', 'certificates', 'proxies', 'python'],
} as const satisfies Record<string, readonly Group[]>;

/**
 * From 1.29 on, ONNX Runtime sends names and digests of models, devices and errors to its maker unless this
 * variable forbids it. Otherwise it also keeps an identifier in the user's cache folder, and a log for each
 * process in the folder of temporary files.
 */
export const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' } as const;

export type ChildKind = keyof typeof KINDS;
/** Services that only some workers use: a bucket, a Postgres database, model servers. */
export type ChildNeed = 'bucket' | 'postgres' | 'modelServers';

export interface ChildOptions {
  /** Services that this child connects to. */
  readonly needs?: readonly ChildNeed[];
  /** Further variables; undefined removes a variable. */
  readonly extra?: Variables;
}

/** The environment of a child process of this kind. */
export function childEnvironment(
  kind: ChildKind,
  { needs = [], extra = {} }: ChildOptions = {},
  variables: Variables = process.env,
): Record<string, string> {
  const groups: readonly Group[] = [
    ...KINDS[kind],
    ...needs,
    ...(needs.length > 0 ? (['certificates'] as const) : []),
  ];
  const names = [...groups.flatMap((group): readonly string[] => GROUPS[group]), ...passedNames(variables)];
  const isGiven = (name: string): boolean =>
    names.some((one) => (one.endsWith('*') ? name.startsWith(one.slice(0, -1)) : name === one));
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (value !== undefined && isGiven(name)) given[name] = value;
  }
  if (kind === 'runner') Object.assign(given, NO_TELEMETRY);
  for (const [name, value] of Object.entries(extra)) {
    if (value === undefined) delete given[name];
    else given[name] = value;
  }
  return given;
}

function passedNames(variables: Variables): string[] {
  return (variables[PASSED] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => /^\w+$/.test(name));
}

function namesIn(list: string): string[] {
  return list.split(' ');
}
