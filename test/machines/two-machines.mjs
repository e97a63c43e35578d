// node two-machines.mjs <dist> <cable program>, in namespaces of its own: prints as JSON how a host on the switch is reached.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [dist, cable] = process.argv.slice(2);
const { createNetwork } = await import(pathToFileURL(`${dist}/faults/machines/network.js`).href);
const host = createNetwork(cable).addHost('far-away');

const echo =
  "require('net').createServer((socket) => socket.pipe(socket)).listen(7, () => console.log(require('os').hostname()))";
const server = spawn('ip', ['netns', 'exec', host.name, process.execPath, '-e', echo], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
await new Promise((resolve) => server.stdout.once('data', resolve));

/** Milliseconds until all bytes came back; null after some seconds without any. */
function roundTrip(bytes, patienceMs = 2000) {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let missing = bytes;
    const socket = connect(7, host.address, () => socket.write(Buffer.alloc(bytes)));
    const end = (result) => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(patienceMs, () => end(null));
    socket.on('error', () => end(null));
    socket.on('data', (chunk) => {
      missing -= chunk.length;
      if (missing === 0) end(performance.now() - startedAt);
    });
  });
}

/** For what is to come back, however busy the machine is. */
const LONG_MS = 30_000;

/** Tries again after an error: for a moment the kernel remembers that it did not find the host. */
async function patientRoundTrip(bytes) {
  const end = performance.now() + LONG_MS;
  for (;;) {
    const took = await roundTrip(bytes, LONG_MS);
    if (took !== null || performance.now() > end) return took;
    await sleep(100);
  }
}

const seen = { plugged: await patientRoundTrip(1000) };
host.unplug();
seen.unplugged = await roundTrip(1000);
host.plug();
seen.pluggedAgain = await patientRoundTrip(1000);
if (cable !== undefined) {
  const bad = await host.useBadCable({ delayMs: 50, jitterMs: 5, loss: 0.05 });
  seen.delayed = await patientRoundTrip(200_000);
  seen.frames = await bad.end();
  seen.cableEnded = await patientRoundTrip(1000);
}
console.log(JSON.stringify(seen));
// The echo server is still running: it has to go with the namespaces.
process.exit();
