/** Shells that `panic-tda completion` writes a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The hidden command that these scripts ask; its name is in their text. */
export const COMPLETE_WORDS = 'complete-words';
