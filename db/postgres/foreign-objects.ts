/**
 * An object at our tables, or in their schema, that is not ours, although the server runs it with our
 * statements.
 */
export interface ForeignObject {
  readonly type: string;
  readonly name: string;
  readonly table: string;
}

/**
 * Triggers, rules and policies of our tables, views in the place of tables, columns whose values are
 * computed, and functions and operators that can replace those of the server because the schema is in the
 * search_path. Objects of an extension do not count. A snapshot runs this query; its values are our tables
 * and our triggers, each list with commas between.
 */
export const FOREIGN_OBJECTS = `
  with schema as (select quote_ident(current_schema())::regnamespace as id),
  ours as (
    select c.oid, c.relname, c.relkind from pg_class c, schema
    where c.relnamespace = schema.id and c.relname = any(string_to_array(?, ',')))
  select 'trigger' as type, t.tgname::text as name, o.relname::text as "table"
  from pg_trigger t join ours o on o.oid = t.tgrelid
  where not t.tgisinternal and t.tgname <> all(string_to_array(?, ','))
  union all
  select 'rule', r.rulename::text, o.relname::text
  from pg_rewrite r join ours o on o.oid = r.ev_class where o.relkind = 'r'
  union all
  select 'policy', p.polname::text, o.relname::text from pg_policy p join ours o on o.oid = p.polrelid
  union all
  select 'view', o.relname::text, o.relname::text from ours o where o.relkind not in ('r', 'p')
  union all
  select 'computed column', a.attname::text, o.relname::text
  from pg_attribute a join ours o on o.oid = a.attrelid where a.attgenerated <> '' and not a.attisdropped
  union all
  select 'function', p.proname::text, 'its schema' from pg_proc p, schema
  where p.pronamespace = schema.id
    and exists (select from pg_proc b where b.pronamespace = 'pg_catalog'::regnamespace and b.proname = p.proname)
    and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  union all
  select 'operator', p.oprname::text, 'its schema' from pg_operator p, schema
  where p.oprnamespace = schema.id
    and exists (select from pg_operator b where b.oprnamespace = 'pg_catalog'::regnamespace and b.oprname = p.oprname)
    and not exists (select from pg_depend d where d.classid = 'pg_operator'::regclass and d.objid = p.oid and d.deptype = 'e')`;
