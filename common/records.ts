// The overloads state what the types of `keys` and `fromEntries` do not: a record has exactly the names that its
// type says.

/** The names in a record whose type names all of them, in their order. */
export function namesOf<Name extends string>(record: Readonly<Record<Name, unknown>>): readonly Name[];
export function namesOf(record: object): readonly string[] {
  return Object.keys(record);
}

/** A record with a value for each of the names. */
export function recordOf<Name extends string, Value>(
  names: readonly Name[],
  valueOf: (name: Name) => Value,
): Record<Name, Value>;
export function recordOf<Value>(
  names: readonly string[],
  valueOf: (name: string) => Value,
): Record<string, Value> {
  return Object.fromEntries(names.map((name) => [name, valueOf(name)]));
}

/** The part of an object that has these names. */
export function picked<Whole extends object, Name extends keyof Whole & string>(
  whole: Whole,
  names: readonly Name[],
): Pick<Whole, Name>;
export function picked(whole: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, whole[name]]));
}
