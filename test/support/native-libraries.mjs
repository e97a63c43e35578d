// Preloaded into a process that a test starts: at its end it writes the shared libraries that it has loaded to the file that
// LOADED_LIBRARIES_FILE names.
import { writeFileSync } from 'node:fs';

const file = process.env.LOADED_LIBRARIES_FILE;
process.on('exit', () => {
  process.report.excludeNetwork = true;
  writeFileSync(file, JSON.stringify(process.report.getReport().sharedObjects));
});
