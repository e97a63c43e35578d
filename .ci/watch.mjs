// node .ci/watch.mjs
//
// Prints every two minutes what this machine does, until it is ended. If the tests take long, their output
// then says why.
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { freemem, loadavg, tmpdir } from 'node:os';

const EVERY_MS = 120_000;
const LARGEST = 3;

let before = processorTimes();
const from = Date.now();
setInterval(() => {
  const now = processorTimes();
  const { bavail, bsize } = statfsSync(tmpdir());
  console.log(
    `after ${Math.round((Date.now() - from) / 60_000)} min: load ${loadavg()[0].toFixed(1)}, memory free ${mebibytes(freemem())}, ` +
      `disk free ${mebibytes(bavail * bsize)}; ${busiest(before, now).join('; ')}`,
  );
  before = now;
}, EVERY_MS);

/** In hundredths of a second, by process. Empty without /proc. */
function processorTimes() {
  const times = new Map();
  for (const pid of numbersIn('/proc')) {
    const stat = read(`/proc/${pid}/stat`);
    // The name in parentheses may contain parentheses and blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length > 20) times.set(pid, Number(fields[11]) + Number(fields[12]));
  }
  return times;
}

function busiest(earlier, later) {
  return [...later]
    .map(([pid, time]) => ({ pid, used: time - (earlier.get(pid) ?? 0) }))
    .toSorted((a, b) => b.used - a.used)
    .slice(0, LARGEST)
    .map(
      ({ pid, used }) =>
        `${Math.round((used * 1000) / EVERY_MS)} % of a core, ${residentOf(pid)}: ${wordsOf(pid)}`,
    );
}

function residentOf(pid) {
  const kibibytes = /^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? '0';
  return mebibytes(Number(kibibytes) * 1024);
}

function wordsOf(pid) {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 100);
}

function numbersIn(folder) {
  try {
    return readdirSync(folder).filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function mebibytes(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
