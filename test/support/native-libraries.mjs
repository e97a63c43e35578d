// Preloaded into a process that a test starts. At its end it writes its loaded shared libraries to the file
// that LOADED_LIBRARIES_FILE names.
import { writeFileSync } from 'node:fs';

const file = process.env.LOADED_LIBRARIES_FILE;
process.on('exit', () => {
  process.report.excludeNetwork = true;
  writeFileSync(file, JSON.stringify(process.report.getReport().sharedObjects));
});
