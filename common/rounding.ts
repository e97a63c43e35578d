/** The nearest integer; of two equally near ones the even one, as Python's `round`, numpy and torch do. */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
