// node scripts/complete-lock-file.mjs, after package-lock.json was changed.
//
// npm leaves an optional package out of the lock file when it could not see it: one for another platform that the registry in
// use does not offer, or that was not installed here (https://github.com/npm/cli/issues/4828). `npm ci` then refuses the lock
// file. This adds those entries, from what their names say, without the checksums that are not known here.
import { readFileSync, writeFileSync } from 'node:fs';

const lockFile = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(lockFile, 'utf8'));

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openharmony', 'sunos', 'win32'];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

let added = 0;
for (const [path, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (path === '' || isLocked(path, name)) continue;
    const words = name.split(/[/-]/);
    const os = systems.filter((system) => words.includes(system));
    const cpu = processors.filter((processor) => words.includes(processor));
    if (os.length !== 1 || cpu.length !== 1) continue;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu,
      ...(parent.dev ? { dev: true } : {}),
      ...(os[0] === 'linux' ? { libc: [/musl/.test(name) ? 'musl' : 'glibc'] } : {}),
      ...(parent.license ? { license: parent.license } : {}),
      optional: true,
      os,
      ...(parent.engines ? { engines: parent.engines } : {}),
    };
    added++;
  }
}
const [root, ...others] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([root, ...others.sort(([a], [b]) => a.localeCompare(b, 'en'))]);
writeFileSync(lockFile, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(`${added} packages of other platforms added`);

/** Whether a package of this name would be found from `path`, as Node looks for it: there, then in each folder above. */
function isLocked(path, name) {
  for (let folder = path; ; folder = folder.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    if (lock.packages[`${folder}${folder ? '/' : ''}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}
