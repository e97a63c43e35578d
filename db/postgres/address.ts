/**
 * The address of a database as libpq reads it
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS). The URL standard
 * differs: there "#" begins a fragment, "+" is a blank, and a parser adds a missing slash.
 */
export interface PostgresAddress {
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Name, IP address without brackets, or the folder of a socket; '' for this machine. */
  readonly host: string;
  readonly port: number | undefined;
  readonly database: string;
  /** The parameters after "?", by libpq's names. */
  readonly parameters: ReadonlyMap<string, string>;
}

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

const FORM = 'is no address of a Postgres database, such as postgres://user@host:5432/database';

const ANY_TEXT = /^[^\0]+$/;
const WHOLE_NUMBER = /^\d{1,6}$/;
const PROTOCOL = /^TLSv1(\.[123])?$/;

/** The parameters that this program uses, with the values that they may have. */
const PARAMETERS: ReadonlyMap<string, RegExp> = new Map([
  ['host', ANY_TEXT],
  ['port', WHOLE_NUMBER],
  ['user', ANY_TEXT],
  ['password', ANY_TEXT],
  ['dbname', ANY_TEXT],
  ['options', ANY_TEXT],
  ['sslmode', new RegExp(`^(${SSL_MODES.join('|')})$`)],
  ['ssl', /^true$/],
  ['sslrootcert', ANY_TEXT],
  ['sslcert', ANY_TEXT],
  ['sslkey', ANY_TEXT],
  ['sslpassword', ANY_TEXT],
  ['sslnegotiation', /^(postgres|direct)$/],
  ['ssl_min_protocol_version', PROTOCOL],
  ['ssl_max_protocol_version', PROTOCOL],
  ['connect_timeout', WHOLE_NUMBER],
  ['keepalives', /^[01]$/],
  ['keepalives_idle', WHOLE_NUMBER],
  // With these values the parameters ask for the program's own behaviour.
  ['client_encoding', /^(utf-?8|auto)$/i],
  ['target_session_attrs', /^any$/],
  ['gssencmode', /^(disable|prefer)$/],
  ['channel_binding', /^(disable|prefer)$/],
  ['uselibpqcompat', /^true$/],
]);

/** Advice for parameters that other programs use. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['schema', 'options=-c%20search_path%3DNAME chooses a schema'],
  ['currentSchema', 'options=-c%20search_path%3DNAME chooses a schema'],
  ['search_path', 'options=-c%20search_path%3DNAME chooses a schema'],
  ['application_name', 'panic-tda gives its connections the names by which its processes know each other'],
  [
    'fallback_application_name',
    'panic-tda gives its connections the names by which its processes know each other',
  ],
  ['service', 'write out what the service file says'],
]);

export type Parsed =
  | { readonly ok: true; readonly address: PostgresAddress }
  /** The fault, as the end of a sentence. It never repeats a part that may be a password. */
  | { readonly ok: false; readonly problem: string };

/** Reads `postgres://[user[:password]@][host[:port]]/database[?name=value[&…]]`; each part may have characters as %XX. */
export function parsePostgresAddress(text: string): Parsed {
  if (text !== text.trim()) return wrong('begins or ends with white space');
  const [, login, hostText = '', path = '', query] =
    /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?@]*)(?:\/([^?]*))?(?:\?(.*))?$/is.exec(text) ?? [];
  if (!/^postgres(ql)?:\/\//i.test(text)) return wrong(FORM);
  if (hostText.includes(',')) return wrong('names several hosts; give the one of the primary');
  const [, bracketed, named, portText] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(hostText) ?? [];
  if (bracketed === undefined && named === undefined) return wrong(FORM);
  const parameters = parsedParameters(query);
  if ('problem' in parameters) return parameters;
  const colon = login === undefined ? -1 : login.indexOf(':');
  const parts = [
    colon < 0 ? login : login?.slice(0, colon),
    colon < 0 ? undefined : login?.slice(colon + 1),
    bracketed ?? named,
    path,
  ];
  const decoded = parts.map((part) => (part === undefined ? undefined : decodedText(part)));
  if (decoded.includes(null))
    return wrong('has a "%" that is not followed by two hexadecimal digits (a "%" itself is %25)');
  const [user, password, host, database] = decoded.map((part) => part ?? undefined);
  const port = portText === undefined || portText === '' ? parameters.values.get('port') : portText;
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535))
    return wrong(`has the port ${port}; it can be 1 to 65535`);
  const name = parameters.values.get('dbname') ?? database ?? '';
  if (name === '') return wrong('names no database; it ends with /database');
  return {
    ok: true,
    address: {
      user: parameters.values.get('user') ?? emptyAsNone(user),
      password: parameters.values.get('password') ?? emptyAsNone(password),
      host: parameters.values.get('host') ?? host ?? '',
      port: port === undefined ? undefined : Number(port),
      database: name,
      parameters: parameters.values,
    },
  };
}

function parsedParameters(
  query: string | undefined,
): { readonly values: Map<string, string> } | { readonly ok: false; readonly problem: string } {
  const values = new Map<string, string>();
  for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    const [name, value] = [pair.slice(0, Math.max(equals, 0)), pair.slice(equals + 1)].map(decodedText);
    if (equals < 1) return wrong('has a parameter without "=" after its "?"');
    if (name == null || value == null)
      return wrong('has a "%" that is not followed by two hexadecimal digits (a "%" itself is %25)');
    const allowed = PARAMETERS.get(name);
    if (allowed === undefined) {
      const instead = INSTEAD.get(name);
      return wrong(
        `has the parameter ${name}, which is not heeded${instead === undefined ? '' : `: ${instead}`}`,
      );
    }
    if (values.has(name)) return wrong(`has the parameter ${name} twice`);
    if (!allowed.test(value)) {
      // The message does not repeat a password.
      const found = ['password', 'sslpassword', 'user'].includes(name)
        ? 'a value that means nothing'
        : `"${value}"`;
      const words = name === 'sslmode' ? `; it can be ${SSL_MODES.join(', ')}` : '';
      return wrong(`has ${found} for ${name}${words}`);
    }
    values.set(name, value);
  }
  return { values };
}

function wrong(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem };
}

/** Null if a "%" has no two hexadecimal digits after it, or if the bytes are no text. */
function decodedText(text: string): string | null {
  try {
    const decoded = decodeURIComponent(text);
    return decoded.includes('\0') ? null : decoded;
  } catch {
    return null;
  }
}

function emptyAsNone(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
