/** Words that hide the actor of a sentence, each with the words to write instead. */
export const HIDING_WORDS: readonly (readonly [word: string, instead: string])[] = [
  ['whoever', 'name the actor: the worker, the caller, the user, the process that ...'],
  ['somebody', 'name the actor: a user, an operator, another process'],
  ['nobody', 'name the actor: "no user", "no worker", "no process"'],
  ['is told', 'name the speaker: "the worker reports", "the server answers", "the message says"'],
];
