import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openStore, openStoreReadonly, plannedUpgrade } from '../../db/index.js';
import { DATABASE_FILE } from '../../db/layout.js';
import { experimentId } from '../../experiment/ids.js';
import {
  LEFT_BY_RUN,
  LEFT_BY_SERVER,
  LEFT_BY_SERVER_BY_NIGHT,
  putLink,
  putPipe,
  writeExperiment,
} from './planted-files.js';
import { config, finishExperiment } from '../support/small-experiment.js';
import { cleanUp, folderWith, panicTda, startPanicTda, until } from '../support/cli-process.js';
import { runCommand, runOrKill } from '../support/standing-program.js';
import type { Ended } from '../support/cli-process.js';

afterAll(cleanUp);

const ID = experimentId(config);

/** A data folder that a stranger may have sent, one for each test. `mine` is beside it. */
let sound: string;
let place: string;
let sent: string;
let file: string;
beforeAll(async () => {
  sound = join(folderWith(), 'sound');
  const store = openStore(sound);
  await finishExperiment(store, config);
  await store.close();
});
beforeEach(() => {
  place = folderWith({ 'precious.txt': 'precious\n' });
  sent = join(place, 'sent');
  cpSync(sound, sent, { recursive: true });
  file = join(sent, 'panic-tda.sqlite');
});

function precious(): string | null {
  const path = join(place, 'precious.txt');
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

function change(...statements: readonly string[]): void {
  const sqlite = new Sqlite(file);
  sqlite.pragma('foreign_keys = OFF');
  for (const statement of statements) sqlite.exec(statement);
  sqlite.close();
}

/** Changes the stored schema of SQLite, as an editor of bytes can. */
function rewriteSchema(name: string, from: string | RegExp, to: string): void {
  const sqlite = new Sqlite(file);
  sqlite.unsafeMode(true);
  sqlite.pragma('writable_schema = ON');
  const sql = sqlite
    .prepare<[string], string>('select sql from sqlite_schema where name = ?')
    .pluck()
    .get(name)!;
  expect(sql.replace(from, to)).not.toBe(sql);
  sqlite.prepare('update sqlite_schema set sql = ? where name = ?').run(sql.replace(from, to), name);
  sqlite.close();
}

/** The picture objects of the store, by name. */
function objects(): string[] {
  const root = join(sent, 'objects');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /[0-9a-f]{64}$/.test(name))
    .map((name) => join(root, name));
}

/** Runs a command that must end by itself, although a file or a statement may hold it. */
async function ended(...args: readonly string[]): Promise<Ended> {
  return await runOrKill(place, args);
}

/** Runs a command in the process of several commands. Nothing in the folder can hold it. */
async function command(...args: readonly string[]): Promise<Ended> {
  return await runCommand(place, args);
}

describe('foreign objects', () => {
  const OBJECTS: readonly (readonly [string, (path: string) => void, string])[] = [
    [
      'a pipe without a writer',
      (path) => void spawnSync('mkfifo', [path]),
      'is a pipe, a socket or a device',
    ],
    ['a link to a device without an end', (path) => symlinkSync('/dev/zero', path), 'is a link'],
    ['a link to a file of the user', (path) => symlinkSync(join(place, 'precious.txt'), path), 'is a link'],
    ['a folder', (path) => mkdirSync(path), 'is a folder'],
    [
      'a file of another size, of which doctor reads only the size',
      (path) => {
        writeFileSync(path, '');
        spawnSync('truncate', ['-s', '1T', path]);
      },
      'has 1099511627776 bytes',
    ],
  ];

  test('doctor names a pipe, links, a folder and a file of another size, each by its path', async () => {
    const paths = objects().slice(0, OBJECTS.length);
    for (const [index, [, put]] of OBJECTS.entries()) {
      rmSync(paths[index]!);
      put(paths[index]!);
    }
    const doctor = await ended('doctor', '--data', sent, '--deep');
    for (const [index, [what, , why]] of OBJECTS.entries()) {
      expect([what, doctor.stdout]).toEqual([what, expect.stringContaining(`${paths[index]} ${why}`)]);
    }
    expect(doctor.code).toBe(1);
  });

  test.each(OBJECTS)('merge refuses %s', async (_, put, why) => {
    const [path] = objects();
    rmSync(path!);
    put(path!);
    const merged = await ended('merge', sent, '--data', 'mine');
    expect(merged.stderr).toContain(`${path} ${why}`);
    expect(merged.code).toBe(1);
    expect(existsSync(join(place, 'mine', 'panic-tda.sqlite'))).toBe(false);
  });

  test('a sub-folder that leads elsewhere is not entered', async () => {
    const [path] = objects();
    const folder = join(path!, '..');
    cpSync(folder, join(place, 'elsewhere'), { recursive: true });
    rmSync(folder, { recursive: true });
    symlinkSync(join(place, 'elsewhere'), folder);
    for (const args of [
      ['merge', sent, '--data', 'mine'],
      ['doctor', '--data', sent],
      ['delete', ID, '--yes', '--data', sent],
    ]) {
      const { code, stdout, stderr } = await command(...args);
      expect(stdout + stderr).toMatch(/is a link to .*elsewhere, out of/);
      expect(code).not.toBe(0);
    }
    expect(readdirSync(join(place, 'elsewhere'))).not.toEqual([]);
  });

  test('"doctor --fix" deletes nothing if the objects folder is a link to a folder of the user', async () => {
    const mine = join(place, 'work');
    mkdirSync(join(mine, 'ab'), { recursive: true });
    for (const name of ['draft.tmp', 'ab/.ab12.1.0.tmp']) {
      writeFileSync(join(mine, name), 'a draft');
      utimesSync(join(mine, name), 1, 1);
    }
    rmSync(join(sent, 'objects'), { recursive: true });
    symlinkSync(mine, join(sent, 'objects'));
    const { stdout, stderr, code } = await command('doctor', '--fix', '--yes', '--data', sent);
    expect(stdout + stderr).toMatch(/objects is a link to .*work, out of/);
    expect(code).not.toBe(0);
    expect(readdirSync(mine)).toContain('draft.tmp');
    expect(readdirSync(join(mine, 'ab'))).toEqual(['.ab12.1.0.tmp']);
  });

  test('a temporary file counts as ours only by its name, wherever the objects are', async () => {
    const mine = join(sent, 'objects', 'drafts.tmp');
    writeFileSync(mine, 'a draft');
    utimesSync(mine, 1, 1);
    await command('doctor', '--fix', '--yes', '--data', sent);
    expect(existsSync(mine)).toBe(true);
  });
});

describe('a foreign schema', () => {
  const ENDLESS = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n';

  const CHANGES: readonly (readonly [string, () => void, RegExp])[] = [
    [
      'a view without an end in a table’s place',
      () =>
        change(
          'drop table hosts',
          `create view hosts as with recursive n(i) as (select 1 union all select i + 1 from n) select i as id, '' as fingerprint from n`,
        ),
      /the view hosts/,
    ],
    [
      'a journal of migrations that is a view without an end',
      () =>
        change(
          'drop table __drizzle_migrations',
          `create view __drizzle_migrations as with recursive n(i) as (select 1 union all select i + 1 from n) select i as id from n`,
        ),
      /the view __drizzle_migrations/,
    ],
    [
      'a trigger that acts on deletions',
      () =>
        change(
          `create trigger extra after delete on runs begin insert into failures select 1, 1, 1, 'invocation', null, 'k', 'm', 1; end`,
        ),
      /the trigger extra of runs/,
    ],
    [
      'a trigger of ours with another body',
      () =>
        change(
          'drop trigger invocations_are_immutable',
          `create trigger invocations_are_immutable before delete on invocations begin select (${ENDLESS}); end`,
        ),
      /the trigger invocations_are_immutable of invocations/,
    ],
    [
      'an index that computes',
      () => change('create index heavy on artifacts (length(hex(zeroblob(100000000))))'),
      /the index heavy of artifacts/,
    ],
    ['a table', () => change('create table notes (note text)'), /the table notes/],
    [
      'a virtual table in a table’s place',
      () => change('drop table failures', 'create virtual table failures using fts5(run_id, message)'),
      /the table failures.*failures_data/s,
    ],
    [
      'a generated column',
      () => change(`alter table hosts add column more text generated always as (hex(zeroblob(100000000)))`),
      /the table hosts/,
    ],
    [
      'a check that computes',
      () =>
        rewriteSchema(
          'models',
          `in ('generative', 'embedding')`,
          `in ('generative', 'embedding', hex(zeroblob(9)))`,
        ),
      /the table models/,
    ],
    [
      'a default that computes',
      () => rewriteSchema('experiments', `DEFAULT 'planned'`, `DEFAULT (hex(zeroblob(9)))`),
      /the table experiments/,
    ],
  ];

  test.each(CHANGES)('a command refuses %s before any of it runs', async (what, make, named) => {
    make();
    const before = readFileSync(file);
    const refused = /no version of panic-tda put there/;
    const commands = /without an end/.test(what)
      ? [['list'], ['delete', ID, '--yes'], ['doctor'], ['upgrade']]
      : [['delete', ID, '--yes']];
    for (const args of commands) {
      const { code, stdout, stderr } = await ended(...args, '--data', sent);
      expect(stdout + stderr).toMatch(refused);
      expect(stdout + stderr).toMatch(named);
      expect(code).not.toBe(0);
    }
    for (const open of [openStore, openStoreReadonly, () => plannedUpgrade(file)]) {
      expect(() => open(sent)).toThrow(refused);
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('doctor names additions to our tables, and copies the rows to a new file', async () => {
    change(
      `create trigger extra after delete on runs begin insert into failures select 1, 1, 1, 'invocation', null, 'k', 'm', 1; end`,
      'create table notes (note text)',
      `insert into notes values ('of a stranger')`,
    );
    const { stdout, code } = await command('doctor', '--data', sent);
    expect(stdout).toMatch(/the trigger extra of runs is not of panic-tda/);
    expect(stdout).toMatch(/the table notes of notes is not of panic-tda/);
    expect(code).toBe(1);
    const fixed = await command('doctor', '--fix', '--yes', '--data', sent);
    expect(fixed.stdout).toMatch(/Every invariant holds/);
    expect(fixed.code).toBe(0);
    expect((await command('list', '--data', sent)).stdout).toContain(ID);
    // The old file keeps the additions.
    const kept = readdirSync(sent).find((name) => name.includes('.damaged-'))!;
    const sqlite = new Sqlite(join(sent, kept), { readonly: true });
    expect(sqlite.prepare('select note from notes').pluck().get()).toBe('of a stranger');
    sqlite.close();
  });

  test('doctor for one experiment repairs nothing beside such additions', async () => {
    change(`create trigger extra after update on runs begin delete from failures; end`);
    const { stderr, code } = await command('doctor', '--fix', '--yes', '--experiment', ID, '--data', sent);
    expect(stderr).toMatch(/the trigger extra of runs/);
    expect(code).toBe(2);
  });

  test('a file of another program is no data folder', async () => {
    rmSync(file);
    change('create table bookmarks (url text)');
    for (const name of ['list', 'upgrade']) {
      expect((await command(name, '--data', sent)).stderr).toMatch(/the table bookmarks/);
    }
    expect((await command('merge', sound, '--data', sent)).stderr).toMatch(/the table bookmarks/);
  });
});

describe('foreign rows', () => {
  test('doctor names a text of 80 MB and a blob of 90 MB without reading them', async () => {
    change(
      `update experiments set error = cast(zeroblob(80000000) as text)`,
      'pragma ignore_check_constraints = on; update vectors set bytes = zeroblob(90000000) where id = 1',
    );
    expect(statSync(file).size).toBeGreaterThan(160_000_000);
    const { stdout } = await command('doctor', '--data', sent);
    expect(stdout).toMatch(/experiments \d+: its error has 80000000 bytes/);
    expect(stdout).toMatch(/vectors 1: its bytes has 90000000 bytes/);
    const merged = await command('merge', sent, '--data', 'mine');
    expect(merged.stderr).toMatch(/breaks invariants.*its error has 80000000 bytes/s);
  });

  const ROWS: readonly (readonly [string, string, RegExp])[] = [
    ['huge counts', `update experiments set run_count = 9223372036854775807`, /its run_count is/],
    [
      'a negative size',
      `update artifacts set byte_length = -1 where id = (select min(id) from artifacts where modality = 'image')`,
      /breaks the column check artifacts_byte_length/,
    ],
    ['a vector of a wrong dimension', `update vectors set bytes = zeroblob(4) where id = 1`, /vectors 1/],
    [
      'a gap in the sequence',
      `update invocations set sequence = 9007199254740993 where id = 2`,
      /invocations? 2\b/,
    ],
    [
      'a NUL',
      `update artifacts set text = text || char(0) || 'x' where id = (select max(id) from artifacts where modality = 'text')`,
      /U\+0000/,
    ],
  ];
  const UNGUARDED = [
    'pragma ignore_check_constraints = on',
    'drop trigger artifacts_are_immutable',
    'drop trigger invocations_are_immutable',
  ];

  test('doctor names huge counts, a negative size, a vector of a wrong dimension, a gap in the sequence and a NUL', async () => {
    change(...UNGUARDED, ...ROWS.map(([, statement]) => statement));
    const { stdout } = await command('doctor', '--data', sent);
    for (const [what, , named] of ROWS) expect([what, stdout]).toEqual([what, expect.stringMatching(named)]);
  });

  test.each(ROWS)('merge takes nothing of a store with %s', async (_, statement) => {
    change(...UNGUARDED, statement);
    const merged = await command('merge', sent, '--data', 'mine');
    expect(merged.code).toBe(1);
    expect(existsSync(join(place, 'mine', 'panic-tda.sqlite'))).toBe(false);
  });
});

/**
 * A rollback journal that makes SQLite delete a file when it plays the journal back
 * (https://sqlite.org/fileformat2.html).
 */
function journalAgainst(victim: string): Buffer {
  const magic = Buffer.from('d9d505f920a163d7', 'hex');
  const header = Buffer.alloc(512);
  magic.copy(header);
  for (const [at, value] of [
    [12, 7],
    [16, statSync(file).size / 4096],
    [20, 512],
    [24, 4096],
  ] as const) {
    header.writeUInt32BE(value, at);
  }
  const name = Buffer.from(realpathSync(victim));
  const end = Buffer.alloc(16);
  end.writeUInt32BE(name.byteLength, 0);
  end.writeUInt32BE(
    name.reduce((sum, byte) => sum + byte, 0),
    4,
  );
  magic.copy(end, 8);
  const page = Buffer.alloc(4);
  page.writeUInt32BE(2 ** 30 / 4096 + 1);
  return Buffer.concat([header, page, name, end]);
}

function pipeInPlaceOf(name: string): void {
  rmSync(join(sent, name), { force: true });
  spawnSync('mkfifo', [join(sent, name)]);
}

describe('other files of a foreign folder', () => {
  test.each([
    ['doctor', () => ['--data', sent]],
    ['merge', () => [sent, '--data', 'mine']],
    ['delete', () => [ID, '--yes', '--data', sent]],
  ] as const)(
    '%s plays back no journal that names a file of the user: of panic-tda.sqlite, run.lock or workers.lock',
    async (name, words) => {
      const victims = ['panic-tda.sqlite', 'run.lock', 'workers.lock'].map((database) => {
        if (!existsSync(join(sent, database))) cpSync(file, join(sent, database));
        const victim = join(place, `precious-${database}.txt`);
        writeFileSync(victim, 'precious\n');
        writeFileSync(join(sent, `${database}-journal`), journalAgainst(victim));
        return victim;
      });
      await command(name, ...words());
      for (const victim of victims) expect(readFileSync(victim, 'utf8')).toBe('precious\n');
    },
  );

  test('a link in the place of run.json is not followed, and a pipe in that of server.json blocks no run; the run uses each name that these tests and the night tests try', async () => {
    putLink(place, 'run.json');
    putPipe(place, 'server.json');
    expect(await panicTda(place, ['run', 'experiment.json', '--data', sent])).toMatchObject({ code: 0 });
    expect(precious()).toBe('precious\n');
    const names = [...LEFT_BY_RUN, ...LEFT_BY_SERVER, ...LEFT_BY_SERVER_BY_NIGHT];
    const made = (name: string) => lstatSync(join(sent, name), { throwIfNoEntry: false })?.isFile() ?? false;
    expect(names.filter((name) => !made(name))).toEqual([]);
  });

  test.each([...LEFT_BY_RUN, ...LEFT_BY_SERVER, 'panic-tda.sqlite-wal', 'panic-tda.sqlite-shm'])(
    'a link in the place of %s is neither followed nor truncated',
    async (name) => {
      putLink(place, name);
      writeExperiment(place);
      await command('list', '--data', sent);
      expect(precious()).toBe('precious\n');
      // Only a server and workers write these files, so start them.
      if (/^(temporal|logs)/.test(name)) await panicTda(place, ['run', 'experiment.json', '--data', sent]);
      else await command('delete', ID, '--yes', '--data', sent);
      expect(precious()).toBe('precious\n');
    },
  );

  const PIPES = ['run.json', 'run.lock', 'routes.json', DATABASE_FILE, 'objects/panic-tda-objects.id'];

  test.each(PIPES)('a pipe in the place of %s does not block merge', async (name) => {
    pipeInPlaceOf(name);
    await ended('merge', sent, '--data', 'mine');
  });

  // Doctor goes on after each of the first ones, and not after a pipe in the place of the database.
  test.each([PIPES.filter((name) => name !== DATABASE_FILE), [DATABASE_FILE]].map((names) => ({ names })))(
    'pipes do not block doctor: $names',
    async ({ names }) => {
      for (const name of names) pipeInPlaceOf(name);
      const { stdout } = await ended('doctor', '--data', sent);
      expect(stdout).toMatch(/^Database$/m);
    },
  );
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends doctor and list during a statement', async (signal) => {
  // Another connection holds the file, so a statement waits within SQLite for up to 30 s.
  change('pragma journal_mode = delete');
  const sqlite = new Sqlite(file);
  sqlite.exec('begin exclusive');
  try {
    for (const name of ['list', 'doctor']) {
      const running = startPanicTda(place, [name, '--data', sent]);
      const reading = (): boolean =>
        readdirSync(`/proc/${running.process.pid}/fd`).some((fd) => {
          try {
            return realpathSync(`/proc/${running.process.pid}/fd/${fd}`) === realpathSync(file);
          } catch {
            return false;
          }
        });
      await until(reading, () => running.stderr());
      running.process.kill(signal);
      const { code } = await running.ended;
      expect([name, running.process.signalCode ?? code]).toEqual([name, signal]);
    }
  } finally {
    sqlite.close();
  }
});
