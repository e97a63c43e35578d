import { PanicError } from '../../common/errors.js';
import { quoted } from '../../common/problems.js';
import { secretIn } from '../../common/secrets.js';
import { excerptOf, isBlank, onOneLine } from '../../common/text.js';
import { hasThinking, specialTokenIn, withoutSpecialTokens, withoutThinking } from '../chat-markup.js';
import { type ChatChoice, errorText, filteredText, isNothing } from './answers.js';
import type { ChatSettings } from './settings.js';

export interface Caption {
  readonly text: string;
  /** Whether the server stopped at `max_tokens`, so that the end is missing. */
  readonly cut: boolean;
}

/**
 * The caption of a chat answer, on one line, without what the catalogue entry says to remove. Throws PanicError
 * `ModelOutputInvalid` for an answer that is neither a whole caption nor a cut one.
 */
export function captionOf(
  model: string,
  { finish_reason, error, content_filter_results, message }: ChatChoice,
  settings: ChatSettings,
): Caption {
  const invalid = (what: string): PanicError =>
    new PanicError('ModelOutputInvalid', `the server of ${model} ${what}`);
  if (!isNothing(error)) throw invalid(`broke off: it says ${errorText(error)}`);
  const reason = finish_reason === '' ? null : (finish_reason ?? null);
  const cut = reason === 'length';
  if (!cut && !endsWhole(reason, settings)) throw invalid(unfinishedText(reason));
  if (!isNothing(message.refusal)) {
    const { refusal } = message;
    const said = typeof refusal === 'string' ? refusal : JSON.stringify(refusal);
    throw invalid(`refused: ${excerptOf(onOneLine(said), 200)}`);
  }
  const filtered = filteredText(content_filter_results);
  if (filtered !== null) throw invalid(filtered);
  if (wantsCall(message)) {
    throw invalid('wants a tool called beside its answer (tool_calls); turn tools off in the server');
  }
  const content = message.content ?? '';
  const text = onOneLine(withoutMarkup(content, settings, invalid));
  if (isBlank(text)) throw invalid(`gave no caption${whyBlank(content, message, cut)}`);
  const secret = secretIn(text);
  if (secret !== null) throw invalid(`repeated a secret in its caption (${secret}), which is not stored`);
  return { text, cut };
}

/** Many servers write an empty list where the model calls no tool. */
function wantsCall({ tool_calls: calls, function_call: call }: ChatChoice['message']): boolean {
  return !(Array.isArray(calls) ? calls.length === 0 : isNothing(calls)) || !isNothing(call);
}

function endsWhole(reason: string | null, { finished_as: word }: ChatSettings): boolean {
  return reason === 'stop' || (word !== undefined && word === (reason ?? ''));
}

function unfinishedText(reason: string | null): string {
  switch (reason) {
    case 'content_filter':
      return 'was stopped by its content filter (finish_reason "content_filter"): the answer is not whole';
    case null:
      return (
        'does not say how its answer ended (no finish_reason); if its answers are whole, say so by the setting ' +
        '"finished_as": ""'
      );
    default:
      return (
        `ended its answer with finish_reason ${quoted(reason)}, not "stop"; if that is this server's word for a whole ` +
        `answer, say so by the setting "finished_as": ${quoted(reason)}`
      );
  }
}

function withoutMarkup(
  content: string,
  settings: ChatSettings,
  invalid: (what: string) => PanicError,
): string {
  let text = content;
  if (hasThinking(text)) {
    if (settings.thinking !== 'remove') {
      throw invalid('answered with its thinking; turn that off in the server, or set "thinking": "remove"');
    }
    text = withoutThinking(text);
  }
  const token = specialTokenIn(text);
  if (token === null) return text;
  if (settings.special_tokens !== 'remove') {
    throw invalid(
      `answered with the special token ${quoted(token)} in its caption; correct the server's template, or set ` +
        '"special_tokens": "remove"',
    );
  }
  const answer = withoutSpecialTokens(text);
  if (answer === null) {
    throw invalid(
      `went on behind the end of its answer (after ${quoted(token)}); its stop tokens are not those of the model`,
    );
  }
  return answer;
}

function whyBlank(content: string, message: ChatChoice['message'], cut: boolean): string {
  const thought =
    hasThinking(content) || !isNothing(message.reasoning_content) || !isNothing(message.reasoning);
  if (thought && cut) return ': its thinking used all of max_tokens; raise max_tokens, or turn thinking off';
  return thought ? ': its answer is thinking alone' : ': its answer is blank';
}
