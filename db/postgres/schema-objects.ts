import { knownMigrations } from './migrate.js';

/** A rule about rows that the migrations make. */
export interface SchemaObject {
  readonly type: 'trigger' | 'index' | 'check' | 'foreign key';
  readonly name: string;
  readonly table: string;
  /** The statements that make it, whether or not it exists. */
  readonly restore: readonly string[];
  /** The body of a trigger's function. */
  readonly source: string | null;
}

const TRIGGER = /^CREATE TRIGGER "(\w+)"[^]*? ON "(\w+)"[^]*EXECUTE FUNCTION "(\w+)"/;
const FUNCTION = /^CREATE (?:OR REPLACE )?(FUNCTION "(\w+)"\(\)[^]*AS \$\$([^]*)\$\$);?$/;
const INDEX = /^CREATE (?:UNIQUE )?INDEX "(\w+)" ON "(\w+)"/;
const TABLE = /^(?:CREATE|ALTER) TABLE "(\w+)"/;
const CHECK = /CONSTRAINT "(\w+)" CHECK(?=\()/g;
const FOREIGN_KEY = /FOREIGN KEY \("(\w+)"\) REFERENCES "\w+"\("\w+"\)(?: ON DELETE CASCADE)?/g;

/** The triggers, indices, checks and foreign keys of this version. */
export function expectedObjects(): SchemaObject[] {
  const statements = knownMigrations()
    .flatMap(({ sql }) => sql)
    .map((text) => text.replace(/^(?:\s*--.*\n)+/, '').trim());
  const functions: Functions = new Map(
    statements.flatMap((text) => {
      const [, make, name, source] = FUNCTION.exec(text) ?? [];
      return name === undefined ? [] : [[name, { make: `CREATE OR REPLACE ${make!}`, source: source! }]];
    }),
  );
  const objects = statements.flatMap((text) => [...objectsOf(text, functions)]);
  // If a later migration made an object again, the last one counts.
  return [...new Map(objects.map((object) => [object.name, object])).values()];
}

type Functions = ReadonlyMap<string, { readonly make: string; readonly source: string }>;

function* objectsOf(text: string, functions: Functions): Generator<SchemaObject> {
  const trigger = TRIGGER.exec(text);
  if (trigger !== null) {
    const [, name, table, called] = trigger;
    const { make, source } = functions.get(called!)!;
    const restore = [make, `DROP TRIGGER IF EXISTS "${name!}" ON "${table!}"`, text];
    yield { type: 'trigger', name: name!, table: table!, restore, source };
    return;
  }
  const index = INDEX.exec(text);
  if (index !== null) {
    const [, name, table] = index;
    const restore = [`DROP INDEX IF EXISTS "${name!}"`, text];
    yield { type: 'index', name: name!, table: table!, restore, source: null };
    return;
  }
  const table = TABLE.exec(text)?.[1];
  if (table === undefined) return;
  for (const check of text.matchAll(CHECK)) {
    const condition = parenthesised(text, check.index + check[0].length);
    yield constraint('check', table, check[1]!, `CHECK${condition}`);
  }
  for (const [rule, column] of text.matchAll(FOREIGN_KEY)) {
    yield constraint('foreign key', table, `${table}_${column!}_fkey`, rule);
  }
}

function constraint(type: 'check' | 'foreign key', table: string, name: string, rule: string): SchemaObject {
  const restore = [
    `ALTER TABLE "${table}" DROP CONSTRAINT IF EXISTS "${name}"`,
    `ALTER TABLE "${table}" ADD CONSTRAINT "${name}" ${rule}`,
  ];
  return { type, name, table, restore, source: null };
}

/** The text from an opening parenthesis to its closing one; parentheses within quotes do not count. */
function parenthesised(text: string, start: number): string {
  let depth = 0;
  for (const part of text.slice(start).matchAll(/'[^']*'|[()]/g)) {
    if (part[0] === '(') depth++;
    else if (part[0] === ')' && --depth === 0) return text.slice(start, start + part.index + 1);
  }
  throw new Error(`a parenthesis is not closed: ${text.slice(start, start + 60)}`);
}

/**
 * The objects that exist. A snapshot runs this query. `sound` is false for an object that is switched off or
 * incomplete.
 */
export const SCHEMA_OBJECTS = `
  select t.tgname::text as name, p.prosrc as source, t.tgenabled in ('O', 'A') as sound
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
  where not t.tgisinternal and c.relnamespace = quote_ident(current_schema())::regnamespace
  union all
  select c.relname::text, null, i.indisvalid
  from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = quote_ident(current_schema())::regnamespace
  union all
  select k.conname::text, null,
    k.convalidated and not exists (select from pg_trigger t where t.tgconstraint = k.oid and t.tgenabled = 'D')
  from pg_constraint k where k.contype in ('c', 'f') and k.connamespace = quote_ident(current_schema())::regnamespace`;

export interface FoundObject {
  readonly name: string;
  readonly source: string | null;
  readonly sound: boolean;
}
