// Makes the account of the workers at the S3 service, or gives it the key of .env again. The account may
// read, write, list and delete objects of the one bucket. All other rights stay with the root account, which
// only this job and the service have. May be run again.
import { createHash, createHmac } from 'node:crypto';

const BUCKET = 'panic-tda';

try {
  await main();
} catch (error) {
  console.error(`the account of the workers could not be made: ${error.message}`);
  process.exitCode = 1;
}

async function main() {
  const worker = { access: env('WORKER_ACCESS_KEY_ID'), secret: env('WORKER_SECRET_ACCESS_KEY') };
  if (worker.access === env('ROOT_ACCESS_KEY_ID')) throw new Error('it has the name of the root account');
  // The service's own requests (https://github.com/versity/versitygw/wiki/Multi-Tenant), since S3 has none
  // for accounts.
  const admin = env('ADMIN_ENDPOINT_URL');
  const account = { Access: worker.access, Secret: worker.secret, Role: 'user' };
  const made = await ask('PATCH', `${admin}/create-user`, xml('Account', account));
  if (made.status === 409) {
    const url = `${admin}/update-user?access=${encodeURIComponent(worker.access)}`;
    expectDone(await ask('PATCH', url, xml('MutableProps', { Secret: worker.secret, Role: 'user' })));
  } else expectDone(made);
  const bucket = `${env('AWS_ENDPOINT_URL_S3')}/${BUCKET}`;
  expectDone(await ask('PUT', `${bucket}?policy=`, JSON.stringify(policyFor(worker.access))));
}

function policyFor(access) {
  const bucket = `arn:aws:s3:::${BUCKET}`;
  const mayDo = (actions, resource) => ({
    Effect: 'Allow',
    Principal: { AWS: [access] },
    Action: actions,
    Resource: resource,
  });
  return {
    Version: '2012-10-17',
    Statement: [
      mayDo(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], `${bucket}/*`),
      mayDo(['s3:ListBucket'], bucket),
    ],
  };
}

function env(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function xml(name, fields) {
  const content = Object.entries(fields).map(
    ([field, value]) =>
      `<${field}>${value.replaceAll(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</${field}>`,
  );
  return `<${name}>${content.join('')}</${name}>`;
}

function expectDone({ status, text, what }) {
  if (status >= 300) throw new Error(`${what} was answered with ${status}: ${text.slice(0, 500)}`);
}

/**
 * A request of the root account, signed by
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
 */
async function ask(method, address, body) {
  const url = new URL(address);
  const region = env('AWS_REGION');
  const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${now.slice(0, 8)}/${region}/s3/aws4_request`;
  const bodyHash = sha256(body);
  const headers = { host: url.host, 'x-amz-content-sha256': bodyHash, 'x-amz-date': now };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = [method, url.pathname, url.search.slice(1), lines.join(''), names, bodyHash].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', now, scope, sha256(request)].join('\n');
  const key = scope.split('/').reduce(hmac, `AWS4${env('ROOT_SECRET_ACCESS_KEY')}`);
  const signature = hmac(key, toSign).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${env('ROOT_ACCESS_KEY_ID')}/${scope},SignedHeaders=${names},Signature=${signature}`;
  const { host: _, ...sent } = headers;
  const response = await fetch(url, { method, body, headers: { ...sent, authorization } });
  return { status: response.status, text: await response.text(), what: `${method} ${url.pathname}` };
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key, text) {
  return createHmac('sha256', key).update(text).digest();
}
