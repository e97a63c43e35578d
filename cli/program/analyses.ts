/** The words after the ids of `panic-tda analyse ID…`. */
export const ANALYSES = ['runs', 'symbols'] as const;
export type Analysis = (typeof ANALYSES)[number];
