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

/** Why an experiment is left to the service that has it, and what to do. */
export function drivenElsewhere(id: string, place: string): string {
  return (
    `experiment ${id} is being run by ${place}, as far as the database knows, and nobody here can ask whether it still is. ` +
    `Cancel it there ("panic-tda cancel ${id}"), or, where that service is gone for good, take it over: "panic-tda resume ${id} --take-over"`
  );
}
