import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../workflows/names.js';
import { grpcStatus } from './service-problems.js';

/** Keywords by which the web UI and `temporal workflow list` find our workflows. */
export const searchAttributes = Object.values(SEARCH_ATTRIBUTES).map(({ name }) => name);

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

/** Our search attributes that a namespace lacks as keywords, and why they could not be made. */
export interface Indexing {
  readonly missing: readonly string[];
  readonly reason: string;
}

export const INDEXED: Indexing = { missing: [], reason: '' };

/**
 * Adds the search attributes that the namespace lacks, and says which are still missing: a namespace has room
 * for ten keywords. Safe to call again, and by several processes at once.
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<Indexing> {
  const found = await lookUp(connection, namespace);
  if (found.absent.length === 0) return indexingOf(found, '');
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(found.absent.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
    });
    return indexingOf({ ...found, absent: [] }, '');
  } catch (error) {
    // Another process may have made them meanwhile.
    return indexingOf(await lookUp(connection, namespace), grpcStatus(error)?.details ?? String(error));
  }
}

/** Which of our search attributes the namespace lacks. Changes nothing. */
export async function missingSearchAttributes(
  connection: Connection,
  namespace: string,
): Promise<readonly string[]> {
  return indexingOf(await lookUp(connection, namespace), '').missing;
}

interface Found {
  readonly absent: readonly string[];
  readonly ofAnotherType: readonly string[];
}

async function lookUp(connection: Connection, namespace: string): Promise<Found> {
  let types: Readonly<Record<string, unknown>>;
  try {
    types = (await connection.operatorService.listSearchAttributes({ namespace })).customAttributes ?? {};
  } catch (error) {
    // Hosted services do not offer the operator's interface.
    const absent = await unknownToQueries(connection, namespace, error);
    return { absent, ofAnotherType: [] };
  }
  return {
    absent: searchAttributes.filter((name) => !(name in types)),
    ofAnotherType: searchAttributes.filter(
      (name) => name in types && types[name] !== INDEXED_VALUE_TYPE_KEYWORD,
    ),
  };
}

/** The server's answer to a query with an attribute that it does not know. */
const INVALID_ARGUMENT = 3;
/** PERMISSION_DENIED and UNIMPLEMENTED: the service does not say, so we assume that it has them. */
const UNTOLD: ReadonlySet<number> = new Set([7, 12]);

async function unknownToQueries(
  connection: Connection,
  namespace: string,
  unlisted: unknown,
): Promise<string[]> {
  const known = await Promise.all(
    searchAttributes.map(async (name) => {
      try {
        await connection.workflowService.countWorkflowExecutions({ namespace, query: `${name} = "-"` });
        return true;
      } catch (error) {
        const code = grpcStatus(error)?.code ?? 0;
        if (code === INVALID_ARGUMENT) return false;
        if (UNTOLD.has(code)) return true;
        throw unlisted;
      }
    }),
  );
  return searchAttributes.filter((_, index) => known[index] === false);
}

function indexingOf({ absent, ofAnotherType }: Found, reason: string): Indexing {
  const reasons = [
    ...(reason === '' ? [] : [reason]),
    ...ofAnotherType.map((name) => `${name} is there and is no keyword`),
  ];
  return { missing: [...absent, ...ofAnotherType], reason: reasons.join('; ') };
}

/**
 * What a namespace without search attributes means, and which user can mend it: a sentence without its full
 * stop.
 */
export function unindexedText(namespace: string, { missing, reason }: Indexing): string {
  const names = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
  return (
    `the namespace "${namespace}" lacks the search attributes ${missing.join(', ')}${reason === '' ? '' : `, which could not be made (${reason})`}: ` +
    'experiments run all the same, but the web UI and "temporal workflow list" cannot find them by experiment or status; ' +
    `an operator adds them with "temporal operator search-attribute create --namespace ${namespace} ${names}"`
  );
}
