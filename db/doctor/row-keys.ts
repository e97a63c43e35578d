import { getTableName } from 'drizzle-orm';
import { getTableConfig } from 'drizzle-orm/sqlite-core';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import * as schema from '../schema.js';
import type { Repair } from './repair.js';

/** Every table, parents before children. */
export const TABLES: readonly SQLiteTable[] = [
  schema.models,
  schema.hosts,
  schema.artifacts,
  schema.removedObjects,
  schema.objectsPlaces,
  schema.databases,
  schema.builds,
  schema.routes,
  schema.experiments,
  schema.runs,
  schema.invocations,
  schema.failures,
  schema.vectors,
  schema.embeddings,
  schema.promptVectors,
  schema.runStatistics,
  schema.runCurves,
  schema.diagrams,
  schema.diagramDimensions,
  schema.surrogates,
];

/** Names of the columns of a table's primary key, in its order. */
export function keyColumns(table: SQLiteTable): readonly string[] {
  const { columns, primaryKeys } = getTableConfig(table);
  const [composite] = primaryKeys;
  return (composite?.columns ?? columns.filter(({ primary }) => primary)).map(({ name }) => name);
}

/** A row's key in the form that violations use. */
export function keyText(table: SQLiteTable, row: Readonly<Record<string, unknown>>): string {
  return keyColumns(table)
    .map((name) => keyPart(row[name]))
    .join('/');
}

function keyPart(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

/**
 * The repair of a row that breaks a rule of its own table, given the columns of its key; null if nothing
 * derives the row.
 */
export function repairOfRow(table: SQLiteTable, row: Readonly<Record<string, unknown>>): Repair | null {
  const number = (name: string): number => Number(row[name]);
  switch (getTableName(table)) {
    case 'artifacts':
      return { kind: 'recompute artifact', artifact: number('id') };
    case 'databases':
      return { kind: 'restore the database row' };
    case 'experiments':
      return { kind: 'restore experiment', experiment: String(row['id']) };
    case 'runs':
      return { kind: 'restore run', run: number('id') };
    case 'failures':
      return { kind: 'delete failure', failure: number('id') };
    case 'vectors':
      return { kind: 'delete vector', vector: number('id') };
    case 'embeddings':
      return {
        kind: 'delete embedding',
        invocation: number('invocation_id'),
        model: number('model_id'),
      };
    case 'prompt_vectors':
      return {
        kind: 'delete prompt vector',
        artifact: number('artifact_id'),
        model: number('model_id'),
      };
    case 'run_statistics':
      return { kind: 'delete statistics', statistics: number('id') };
    case 'run_curves':
      return { kind: 'delete statistics', statistics: number('statistics_id') };
    case 'diagrams':
      return { kind: 'delete diagram', diagram: number('id') };
    case 'diagram_dimensions':
      return { kind: 'delete diagram', diagram: number('diagram_id') };
    case 'surrogates':
      return {
        kind: 'delete surrogates',
        diagram: number('diagram_id'),
        surrogate: String(row['kind']),
        index: number('surrogate_index'),
      };
    default:
      return null;
  }
}
