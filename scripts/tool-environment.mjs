import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

// common/child-environment.ts does the same for the children of the program. This file runs before anything
// is compiled.

/** What npm, node-gyp and the compilers read: names, and beginnings of names. */
const NAMES = [
  ...namesIn('PATH HOME USER LOGNAME SHELL TMPDIR TMP TEMP CI COLUMNS TZ TERM'),
  ...namesIn('LANG LANGUAGE LC_ALL LC_CTYPE LC_MESSAGES NO_COLOR FORCE_COLOR SUITE_MARK'),
  ...namesIn('LD_LIBRARY_PATH LD_PRELOAD LIBRARY_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH'),
  ...namesIn('CC CXX AR LD MAKE MAKEFLAGS JOBS CFLAGS CXXFLAGS CPPFLAGS LDFLAGS PYTHON'),
  ...namesIn('PKG_CONFIG_PATH SDKROOT DEVELOPER_DIR MACOSX_DEPLOYMENT_TARGET SSL_CERT_FILE SSL_CERT_DIR'),
  ...namesIn('HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy'),
  ...namesIn('NODE_ENV NODE_OPTIONS NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED UV_THREADPOOL_SIZE'),
  'PANIC_TDA_PASS_VARIABLES',
];
const BEGINNINGS = ['npm_', 'XDG_', 'GYP_', 'DYLD_', 'ONNXRUNTIME_'];

/**
 * The environment of npm and of the build's tools, which run code of many packages. It leaves out keys that
 * they do not need. It contains the variables that an .npmrc names, and those of PANIC_TDA_PASS_VARIABLES.
 */
export function toolEnvironment(root, variables = process.env) {
  const passed = (variables.PANIC_TDA_PASS_VARIABLES ?? '').split(',').map((name) => name.trim());
  const names = new Set([...NAMES, ...passed, ...namedByNpmrc(root, variables)]);
  const isGiven = (name) =>
    names.has(name) || isNpmSetting(name) || BEGINNINGS.some((beginning) => name.startsWith(beginning));
  return Object.fromEntries(Object.entries(variables).filter(([name]) => isGiven(name)));
}

/** npm accepts them in upper case too. */
function isNpmSetting(name) {
  return /^npm_config_/i.test(name);
}

/** The names in "//registry.example/:_authToken=${NAME}". */
function namedByNpmrc(root, variables) {
  const files = [
    join(root, '.npmrc'),
    variables.npm_config_userconfig ?? variables.NPM_CONFIG_USERCONFIG ?? join(homedir(), '.npmrc'),
    variables.npm_config_globalconfig ?? variables.NPM_CONFIG_GLOBALCONFIG,
  ];
  return files.flatMap((file) => [...textOf(file).matchAll(/\$\{(\w+)\??\}/g)].map(([, name]) => name));
}

function textOf(file) {
  try {
    return file === undefined ? '' : readFileSync(file, 'utf8');
  } catch {
    // npm reports a file that cannot be read.
    return '';
  }
}

function namesIn(list) {
  return list.split(' ');
}
