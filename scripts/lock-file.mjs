// Requirements for package-lock.json, which are checked before anything is installed by it. Set-up,
// scripts/complete-lock-file.mjs and a test use this file.

/** Sentences about problems of a project's lock file; empty if it is complete. */
export function lockFileProblems(lock, project) {
  return Object.entries(lock.packages ?? {}).flatMap(([path, entry]) => {
    if (path === '') return [];
    const problems = [];
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(entry.integrity ?? '')) {
      problems.push(`${path} has no SHA-512 in "integrity"`);
    }
    if (entry.resolved !== undefined) {
      problems.push(
        `${path} names a place in "resolved": packages come from the registry that npm is set to`,
      );
    }
    if (/linuxmusl-|-musl$/.test(path) && entry.libc === undefined) {
      problems.push(
        `${path} is for musl by its name, and has no "libc": npm would install it on every Linux`,
      );
    }
    if (entry.hasInstallScript && typeof project.allowScripts?.[nameOf(path)] !== 'boolean') {
      problems.push(
        `${path} has an install script, and "allowScripts" of package.json does not say whether it may run`,
      );
    }
    return problems;
  });
}

/** The packages of a lock file that run their install script, by name. */
export function packagesWithScripts(lock, project) {
  const names = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.hasInstallScript)
    .map(([path]) => nameOf(path));
  return [...new Set(names)].filter((name) => project.allowScripts[name] === true);
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
