// Hands the /metrics of one worker to Prometheus, and nothing else. This container shares the network of that
// worker, which answers only at loopback addresses, by the name localhost.
import { createServer, get } from 'node:http';

const WORKER = { host: '127.0.0.1', port: Number(process.env.WORKER_PORT ?? 9464) };
const PORT = Number(process.env.METRICS_PORT ?? 9465);
const ANSWER_WITHIN_MS = 10_000;
/** A worker that was started again has another network, which only a new process can enter. */
const GONE_AFTER_MS = 60_000;

let answeredAt = performance.now();

const server = createServer((request, response) => {
  if (request.url !== '/metrics' || request.method !== 'GET') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('There is only GET /metrics.\n');
    return;
  }
  const refuse = (reason) => {
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(503, { 'content-type': 'text/plain' })
        .end(`The worker does not answer: ${reason}.\n`);
  };
  askWorker((answer) => {
    response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] });
    answer.on('error', () => response.destroy());
    answer.pipe(response);
  }, refuse);
});
server.maxConnections = 20;
server.listen(PORT, '0.0.0.0');

setInterval(() => {
  askWorker(
    (answer) => answer.resume(),
    () => undefined,
  );
  if (performance.now() - answeredAt < GONE_AFTER_MS) return;
  console.error(`no worker has answered at ${WORKER.host}:${WORKER.port} for ${GONE_AFTER_MS / 1000} s`);
  process.exit(1);
}, 10_000);

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));

function askWorker(onAnswer, onFailure) {
  const asked = get({ ...WORKER, path: '/metrics', agent: false, timeout: ANSWER_WITHIN_MS }, (answer) => {
    answeredAt = performance.now();
    onAnswer(answer);
  });
  asked.on('timeout', () => asked.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1000} s`)));
  asked.on('error', (error) => onFailure(error.message));
}
