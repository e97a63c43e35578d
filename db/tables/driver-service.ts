import { assertNever } from '../../common/errors.js';
import type { experiments } from '../schema.js';

/** The place of a Temporal service. */
export type ServicePlace =
  /**
   * A service with an address. `machine`: the machine on which a loopback address means that service; null if
   * the address means it on every machine.
   */
  | {
      readonly kind: 'service';
      /** host:port. */
      readonly address: string;
      readonly namespace: string;
      readonly machine: string | null;
    }
  /**
   * The server that a `run` starts for its data folder. Both fields are null if the rows are in that folder
   * and move with it.
   */
  | { readonly kind: 'embedded'; readonly folder: string | null; readonly machine: string | null };

/** The Temporal service that has an execution. */
export interface DriverService {
  /** The id of the service and its namespace; no two have the same. */
  readonly id: string;
  /** The content of `where` in words, for people. No code decides by it. */
  readonly place: string;
  /** Null if an older version wrote the row and its words do not state the place exactly. */
  readonly where: ServicePlace | null;
}

/** The Temporal execution that drives an experiment. */
export interface Driver {
  readonly workflowId: string;
  readonly runId: string;
  /** The service that has the execution; null if the row does not say, as earlier versions wrote it. */
  readonly service?: DriverService | null;
}

type DriverColumns = Pick<
  typeof experiments.$inferSelect,
  | 'driverWorkflowId'
  | 'driverRunId'
  | 'driverService'
  | 'driverPlace'
  | 'driverKind'
  | 'driverAddress'
  | 'driverNamespace'
  | 'driverFolder'
  | 'driverMachine'
>;

/** The columns of an experiment that no execution drives. Every change that ends a drive sets them. */
export const NO_DRIVER = {
  driverWorkflowId: null,
  driverRunId: null,
  driverService: null,
  driverPlace: null,
  driverKind: null,
  driverAddress: null,
  driverNamespace: null,
  driverFolder: null,
  driverMachine: null,
} as const satisfies DriverColumns;

/** The columns of an experiment that this execution drives. */
export function driverColumns({ workflowId, runId, service }: Driver): DriverColumns {
  const where = service?.where ?? null;
  return {
    ...NO_DRIVER,
    driverWorkflowId: workflowId,
    driverRunId: runId,
    driverService: service?.id ?? null,
    driverPlace: service?.place ?? null,
    ...(where === null ? {} : placeColumns(where)),
  };
}

function placeColumns(where: ServicePlace): Partial<DriverColumns> {
  switch (where.kind) {
    case 'service':
      return {
        driverKind: where.kind,
        driverAddress: where.address,
        driverNamespace: where.namespace,
        driverMachine: where.machine,
      };
    case 'embedded':
      return { driverKind: where.kind, driverFolder: where.folder, driverMachine: where.machine };
    default:
      return assertNever(where);
  }
}

/** The execution that drives an experiment, according to its row; null for none. */
export function driverOf(row: DriverColumns): Driver | null {
  const { driverWorkflowId: workflowId, driverRunId: runId, driverService: id, driverPlace: place } = row;
  if (workflowId === null || runId === null) return null;
  const service = id === null || place === null ? null : { id, place, where: placeOf(row) };
  return { workflowId, runId, service };
}

function placeOf(row: DriverColumns): ServicePlace | null {
  const { driverKind: kind, driverAddress: address, driverNamespace: namespace } = row;
  const { driverFolder: folder, driverMachine: machine } = row;
  switch (kind) {
    case null:
      return null;
    case 'service':
      return address === null || namespace === null ? null : { kind, address, namespace, machine };
    case 'embedded':
      return { kind, folder, machine };
    default:
      // A newer version, or damage, may leave another value: then the place is not known exactly.
      kind satisfies never;
      return null;
  }
}

/** The service at this place. If its id is not known, its place tells it from others. */
export function serviceAt(where: ServicePlace, id: string | null): DriverService {
  const place = placeText(where);
  return { id: id ?? place, place, where };
}

/** Migrations 0013 of SQLite and 0010 of Postgres read these sentences of earlier versions. */
function placeText(where: ServicePlace): string {
  switch (where.kind) {
    case 'service': {
      const machine = where.machine === null ? '' : ` on ${where.machine}`;
      return `the Temporal service at ${where.address}${machine}, namespace ${where.namespace}`;
    }
    case 'embedded': {
      const which = where.folder === null ? '' : ` ${where.folder} on ${where.machine}`;
      return `the Temporal server of "panic-tda run" in the data folder${which}`;
    }
    default:
      return assertNever(where);
  }
}

/**
 * Whether service `other` can answer for an execution of service `one`. If another service now answers at the
 * place of an earlier one, as after the earlier one lost its state, treat an execution that the new one does
 * not know as ended.
 */
export function isSameService(one: DriverService, other: DriverService): boolean {
  return one.id === other.id || isSamePlace(one.where, other.where);
}

/** False if either place is not known. */
export function isSamePlace(one: ServicePlace | null, other: ServicePlace | null): boolean {
  if (one === null || other === null) return false;
  switch (one.kind) {
    case 'service':
      return (
        other.kind === one.kind &&
        other.address === one.address &&
        other.namespace === one.namespace &&
        other.machine === one.machine
      );
    case 'embedded':
      return other.kind === one.kind && other.folder === one.folder && other.machine === one.machine;
    default:
      return assertNever(one);
  }
}

/**
 * Why an experiment stays with the service that has it, and what to do. `answers`: that service said so
 * itself.
 */
export function drivenElsewhere(id: string, place: string, answers: boolean): string {
  const known = answers ? '' : ', as far as the database knows; it cannot be asked from here';
  return (
    `experiment ${id} is being run by ${place}${known}. ` +
    `Cancel it there ("panic-tda cancel ${id}"), or, where that service is gone for good, take it over: "panic-tda resume ${id} --take-over"`
  );
}
