/** The shells that `panic-tda completion` writes a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that these scripts call. The text of the scripts contains its name. */
export const COMPLETE_WORDS = 'complete-words';
