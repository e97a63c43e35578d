/**
 * What a chat model's answer may hold beside the answer: the special tokens of its template, and its thinking. Both
 * come from templates and servers, so the lists below name what models of 2024 to 2026 use.
 */

/**
 * The special tokens: names in angle brackets with an underscore (`<end_of_turn>`, `<extra_id_0>`), in bars
 * (`<|im_end|>`), with a bar at one end (`<|turn>` and `<turn|>`), the short ones, and the pair that reasoning
 * models are trained to put around the answer.
 */
const SPECIAL_TOKEN = new RegExp(
  [
    String.raw`<\|[^<>|\n]{1,64}\|>`,
    String.raw`<\|[a-z_]{1,32}>|<[a-z_]{1,32}\|>`,
    // DeepSeek writes full-width bars.
    String.raw`<\uff5c[^<>\uff5c\n]{1,64}\uff5c>`,
    String.raw`<\/?[a-z][a-z0-9]{0,30}(?:[_-][a-z0-9]{1,30}){1,8}>`,
    String.raw`<\/?(?:s|pad|unk|bos|eos|cls|sep|mask|eot|eod|eom|eop|sop|end|image|img|answer|unused\d{1,5}|0x[0-9a-f]{2})>`,
    String.raw`\[\/?(?:PAD|UNK|CLS|SEP|MASK|BOS|EOS|INST|IMG|IMG_END|IMG_BREAK|TOOL_CALLS|gMASK)\]`,
    String.raw`<<\/?SYS>>`,
  ].join('|'),
  'giu',
);

/** Tokens that end an answer. The text after one is no part of the answer. */
const END_OF_ANSWER =
  /<\|(?:im_end|end|eot_id|eom_id|endoftext|end_of_text|return|end_of_turn)\|>|<\uff5cend\u2581of\u2581sentence\uff5c>|<\/s>|<eos>|<end_of_(?:turn|utterance|text)>/iu;

/** The head of a turn in a template. The role after it is no part of the answer. */
const HEAD_OF_TURN =
  /<\|(?:im_start|start|start_header_id)\|>\s*(?:assistant|model)?\s*(?:<\|(?:end_header_id|message)\|>)?|<start_of_turn>\s*(?:model|assistant)?/giu;

const THINKING_NAME = '(?:seed:)?(?:think|thinking|thought|reasoning|reflection|analysis|scratchpad)';
/** The attributes of a tag, as in `<think duration="3">` and `<think >`. */
const ATTRIBUTES = String.raw`(?:\s+[a-z_-]{1,40}="[^"<>]{0,200}")*\s*`;

/**
 * The beginning (group 1) or the end (group 2) of a model's thinking: tags of DeepSeek, Qwen and Seed, of Mistral
 * and Kimi, and tokens of OpenThinker, Command A and Gemma.
 */
const THINKING_TAG = new RegExp(
  [
    String.raw`(<${THINKING_NAME}${ATTRIBUTES}>|\[THINK\]|◁think▷|<\|(?:begin_of_thought|START_THINKING)\|>|<\|channel>(?:thought)?)`,
    String.raw`(<\/${THINKING_NAME}\s*>|\[\/THINK\]|◁\/think▷|<\|(?:end_of_thought|END_THINKING)\|>|<channel\|>)`,
  ].join('|'),
  'giu',
);

/** gpt-oss writes into channels; the last channel is the answer. */
const CHANNEL = '<|channel|>';
const FINAL_CHANNEL = '<|channel|>final<|message|>';

/** The first special token of a text, or null. */
export function specialTokenIn(text: string): string | null {
  return text.match(SPECIAL_TOKEN)?.[0] ?? null;
}

export function hasThinking(text: string): boolean {
  return text.search(THINKING_TAG) !== -1 || text.includes(CHANNEL);
}

/**
 * A text without the model's thinking. Where the template itself opens the thinking, the answer has only its end;
 * where the server cut the answer during the thinking, it has only its beginning.
 */
export function withoutThinking(text: string): string {
  if (text.includes(CHANNEL)) {
    const final = text.lastIndexOf(FINAL_CHANNEL);
    return final === -1 ? '' : text.slice(final + FINAL_CHANNEL.length);
  }
  let kept = '';
  let from = 0;
  let thinking = false;
  for (const tag of text.matchAll(THINKING_TAG)) {
    const ends = tag[2] !== undefined;
    if (!ends && !thinking) kept += text.slice(from, tag.index);
    if (ends && !thinking) kept = '';
    thinking = !ends;
    from = tag.index + tag[0].length;
  }
  return thinking ? kept : kept + text.slice(from);
}

/** A text without special tokens; null where text follows the token that ends an answer. */
export function withoutSpecialTokens(text: string): string | null {
  const end = END_OF_ANSWER.exec(text);
  const answer = end === null ? text : text.slice(0, end.index);
  const rest = end === null ? '' : text.slice(end.index);
  if (rest.replaceAll(SPECIAL_TOKEN, '').trim() !== '') return null;
  return answer.replaceAll(HEAD_OF_TURN, '').replaceAll(SPECIAL_TOKEN, '');
}
