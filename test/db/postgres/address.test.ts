import { describe, expect, test } from '@jest/globals';
import { hasPassword, nameOfService, postgresUrlProblem } from '../../../db/index.js';
import { parsePostgresAddress } from '../../../db/postgres/address.js';

function read(text: string) {
  const parsed = parsePostgresAddress(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  const { parameters, ...rest } = parsed.address;
  return { ...rest, parameters: Object.fromEntries(parameters) };
}

const NOTHING = { user: undefined, password: undefined, host: '', port: undefined, parameters: {} };

describe('the address of a database', () => {
  test.each([
    ['postgres:///lab', { ...NOTHING, database: 'lab' }],
    ['postgresql://db.example/lab', { ...NOTHING, host: 'db.example', database: 'lab' }],
    [
      'postgres://me:se%40cret@db:5433/lab',
      { ...NOTHING, user: 'me', password: 'se@cret', host: 'db', port: 5433, database: 'lab' },
    ],
    [
      'postgres://me:pa#ss+w?rd'.replace('?', '%3F') + '@db/lab',
      { ...NOTHING, user: 'me', password: 'pa#ss+w?rd', host: 'db', database: 'lab' },
    ],
    ['postgres://a%25b@db/100%25%20%C3%A9', { ...NOTHING, user: 'a%b', host: 'db', database: '100% é' }],
    ['postgres://[::1]:5433/lab', { ...NOTHING, host: '::1', port: 5433, database: 'lab' }],
    ['postgres://%2Fvar%2Frun/lab', { ...NOTHING, host: '/var/run', database: 'lab' }],
    [
      'postgres:///lab?host=/var/run&user=a%2Bb+c',
      {
        ...NOTHING,
        user: 'a+b+c',
        host: '/var/run',
        database: 'lab',
        parameters: { host: '/var/run', user: 'a+b+c' },
      },
    ],
    ['postgres://db?dbname=lab', { ...NOTHING, host: 'db', database: 'lab', parameters: { dbname: 'lab' } }],
  ])('%s is read as libpq reads it', (text, address) => {
    expect(read(text)).toEqual(address);
    expect(postgresUrlProblem(text)).toBeNull();
  });

  test.each([
    ['postgres:/me@db/lab', /is no address/],
    ['postgres:me@db/lab', /is no address/],
    ['mysql://db/lab', /is no address/],
    [' postgres://db/lab', /begins or ends with white space/],
    ['postgres://db/lab\n', /begins or ends with white space/],
    ['postgres://db', /names no database/],
    ['postgres://db/', /names no database/],
    ['postgres://db:0/lab', /port 0/],
    ['postgres://db:77777/lab', /port 77777/],
    ['postgres://db:x/lab', /is no address/],
    ['postgres://one,two/lab', /several hosts/],
    ['postgres://a%b@db/lab', /"%" that is not followed/],
    ['postgres://db/100%', /"%" that is not followed/],
    ['postgres://db/lab?sslmode', /without "="/],
    [
      'postgres://db/lab?sslmode=on',
      /"on" for sslmode; it can be disable, allow, prefer, require, verify-ca, verify-full/,
    ],
    ['postgres://db/lab?sslmode=no-verify', /"no-verify" for sslmode/],
    ['postgres://db/lab?sslmode=require&sslmode=disable', /sslmode twice/],
    ['postgres://db/lab?schema=mine', /schema, which is not heeded: options=-c%20search_path%3DNAME/],
    ['postgres://db/lab?sslcrl=x', /sslcrl, which is not heeded/],
    ['postgres://db/lab?channel_binding=require', /"require" for channel_binding/],
    ['postgres://db/lab?target_session_attrs=read-write', /"read-write" for target_session_attrs/],
    [
      'postgres://db/lab?sslmode=verify-full&sslrootcert=/none.crt',
      /sslrootcert \("\/none.crt"\) cannot be read/,
    ],
    ['postgres://db/lab?sslmode=require&sslrootcert=system', /sslrootcert=system needs sslmode=verify-full/],
    ['postgres://db/lab?sslmode=prefer&sslnegotiation=direct', /sslnegotiation=direct needs/],
  ])('%s is refused', (text, words) => {
    expect(postgresUrlProblem(text)).toMatch(words);
  });

  test('is never repeated where it holds a password', () => {
    for (const text of [
      'postgres://me:hush@db',
      'postgres://me:hush%@db/lab',
      'postgres://db/lab?password=hush&x=1',
    ]) {
      expect(postgresUrlProblem(text)).not.toContain('hush');
      expect(hasPassword(text)).toBe(true);
    }
  });

  test('has a name for people, without user and password', () => {
    expect(nameOfService({ url: 'postgres://me:hush@[::1]:5433/100%25', poolSize: 2 })).toBe(
      '100% on [::1]:5433',
    );
    expect(nameOfService({ url: 'postgres:///lab', poolSize: 2 })).toBe('lab on this machine');
  });
});
