/** The Temporal service that an execution is on. */
export interface DriverService {
  /** Of the service and its namespace; no two have the same. */
  readonly id: string;
  /** Where it is, for people. */
  readonly place: string;
}

/**
 * Whether an execution of the one can be asked about at the other. What is in the place of an earlier service has taken it from
 * that, as after its state was deleted: an execution that it does not know is over.
 */
export function isSameService(one: DriverService, other: DriverService): boolean {
  return one.id === other.id || one.place === other.place;
}

/** An address of a service, as its place names it. */
export interface ServiceAddress {
  /** host:port. */
  readonly address: string;
  readonly namespace: string;
  /** The machine on which the address means it; null where any may ask. */
  readonly host: string | null;
}

/** The place of a service that has an address. */
export function servicePlace({ address, namespace, host }: ServiceAddress): string {
  return `the Temporal service at ${address}${host === null ? '' : ` on ${host}`}, namespace ${namespace}`;
}

/** The address that a place names; null where it names none. */
export function serviceAddress(place: string): ServiceAddress | null {
  const [, address, host, namespace] =
    /^the Temporal service at (\S+?)(?: on (\S+))?, namespace (.+)$/.exec(place) ?? [];
  return address === undefined || namespace === undefined ? null : { address, namespace, host: host ?? null };
}

/** Why an experiment is left to the service that has it, and what to do. `answers`: it said so itself. */
export function drivenElsewhere(id: string, place: string, answers: boolean): string {
  const known = answers ? '' : ', as far as the database knows; it cannot be asked from here';
  return (
    `experiment ${id} is being run by ${place}${known}. ` +
    `Cancel it there ("panic-tda cancel ${id}"), or, where that service is gone for good, take it over: "panic-tda resume ${id} --take-over"`
  );
}
