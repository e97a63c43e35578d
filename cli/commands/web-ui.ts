import { isIP } from 'node:net';
import { errorCode } from '../../common/error-code.js';
import { PanicError } from '../../common/errors.js';
import { readEnvironment } from '../../workers/settings/environment.js';
import type { Place } from '../../workers/temporal/hidden-ports.js';
import type { GuardedServer } from '../../workers/temporal/http-guard.js';
import { serveWebUi } from '../../workers/temporal/web-ui.js';
import { EXIT } from '../program/exit-codes.js';
import { note, printJson } from '../terminal/output.js';

export interface WebUiFlags {
  readonly listen: string;
  readonly json?: boolean;
}

/** `web-ui`: serves Temporal's web UI of another process behind our guard, until a user stops it. */
export async function guardWebUi(address: string, { listen, json = false }: WebUiFlags): Promise<number> {
  const { problems, httpNames } = readEnvironment();
  if (problems.length > 0) throw new PanicError('InvalidInput', problems.join('\n'));
  const ui = placeOf(address);
  if (ui === null || ui.port === 0) throw meaningless('web-ui', address, 'HOST:PORT, such as 127.0.0.1:6666');
  const at = placeOf(listen);
  if (at === null || isIP(at.host) === 0) {
    throw meaningless('--listen', listen, 'ADDRESS:PORT, such as 127.0.0.1:8080');
  }
  const guard = await serve(at, httpNames, ui);
  const uiAddress = `http://${at.host.includes(':') ? `[${at.host}]` : at.host}:${guard.port}`;
  if (json) printJson({ uiAddress, of: address });
  note(`Web UI:  ${uiAddress}  (that of ${address}). Ctrl-C stops it.`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  await guard.close();
  return EXIT.ok;
}

async function serve(at: Place, names: readonly string[], ui: Place): Promise<GuardedServer> {
  try {
    return await serveWebUi({ ...at, names, ui: () => ui });
  } catch (error) {
    const why = {
      EADDRINUSE: 'another process has it',
      EACCES: 'this user may not have it',
      EADDRNOTAVAIL: 'this machine has no such address',
    }[errorCode(error) ?? ''];
    if (why === undefined) throw error;
    throw new PanicError('InvalidInput', `--listen ${at.host}:${at.port}: ${why}`, { cause: error });
  }
}

/** Parses HOST:PORT, with an IPv6 address in brackets. */
function placeOf(text: string): Place | null {
  const [, address, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@?#[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535 || (address !== undefined && isIP(address) !== 6)) return null;
  return { host: address ?? name ?? '', port };
}

function meaningless(what: string, found: string, expected: string): PanicError {
  return new PanicError('InvalidInput', `${what}: found "${found}"; expected ${expected}`);
}
