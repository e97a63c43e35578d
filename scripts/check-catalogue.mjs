// Asks the hub about every entry of the catalogue: whether its commit has all files that the entry names, and
// which commit a branch is at. Run it after a build, with access to a hub: node scripts/check-catalogue.mjs
// [--pin] [--catalogue FILE]
//
// --pin writes the commits into the catalogue instead of the branches. Exit status 0 if every entry names a
// commit that has its files, 1 if one does not, 2 for bad options. HF_ENDPOINT, HF_TOKEN and the variables of
// proxies work as for `panic-tda models pull`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { catalogueFileSchema } from '../dist/models/catalogue-schema.js';
import { commitOf, filesAt } from '../dist/models/files/hub.js';
import { hubRepository, isNeural, partsOf } from '../dist/models/files/layout.js';
import { hubAccess } from '../dist/workers/settings/hub-access.js';

const COMMIT = /^[0-9a-f]{40}$/;
const hub = hubAccess();
const { signal } = new AbortController();
const options = optionsOrExplain();
process.exitCode = options === null ? 2 : await checkAll(options);

/** Returns the exit status. */
async function checkAll({ pin, catalogue }) {
  let text = readFileSync(catalogue, 'utf8');
  let wrong = 0;
  for (const model of catalogueFileSchema.parse(JSON.parse(text)).models.filter(isNeural)) {
    for (const part of partsOf(model)) {
      const repository = hubRepository(part);
      if (repository === null) continue;
      const { commit, missing } = await ask(part, repository);
      let problem = missing;
      if (problem === null && !COMMIT.test(part.revision)) {
        if (pin) text = withCommit(text, part, commit);
        else problem = `a branch, which is at ${commit} now; --pin writes that`;
      }
      console.log(`${model.name}, ${repository}@${part.revision}: ${problem ?? 'all files are there'}`);
      if (problem !== null) wrong++;
    }
  }
  if (pin) writeFileSync(catalogue, text);
  return wrong > 0 ? 1 : 0;
}

/**
 * The commit of a part's revision, and what it lacks or why the hub did not say; null if it lacks nothing.
 */
async function ask({ revision, files }, repository) {
  try {
    const commit = await commitOf(hub, repository, revision, signal);
    const there = await filesAt(hub, repository, commit, signal);
    const missing = files.map(({ inRepository }) => inRepository).filter((path) => !there.has(path));
    return { commit, missing: missing.length > 0 ? `${commit} has no ${missing.join(', ')}` : null };
  } catch (error) {
    return { commit: null, missing: error.message };
  }
}

/** The text of a catalogue with this commit instead of the part's branch, in every entry that names both. */
function withCommit(text, { source, revision }, commit) {
  console.log(`pinned ${source} to ${commit}`);
  const place = new RegExp(`("source": "${source}",\\s*"revision": )"${revision}"`, 'g');
  return text.replace(place, `$1"${commit}"`);
}

function optionsOrExplain() {
  const known = fileURLToPath(new URL('../models/catalogue.json', import.meta.url));
  try {
    const options = {
      pin: { type: 'boolean', default: false },
      catalogue: { type: 'string', default: known },
    };
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(error.message);
    return null;
  }
}
