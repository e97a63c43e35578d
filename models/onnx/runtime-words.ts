import { withoutSecrets } from '../../common/secrets.js';

/**
 * Shortens the words of onnxruntime and of the libraries below it for users, since these write for their own
 * developers.
 */

const LONGEST_SENTENCE = 300;

// eslint-disable-next-line no-control-regex -- The runtime colours its log.
const COLOUR = /\u001B\[[\d;]*m/g;

/** A place in the source where an error arose: `/onnxruntime_src/onnxruntime/core/x.cc:154 `. */
const SOURCE_PLACE = /(?:[A-Za-z]:)?[\\/][^\s:]+\.(?:cc|cpp|cxx|cu|cuh|h|hpp):\d+\s+/;

/**
 * `CUDA failure 100: no CUDA-capable device is detected ; GPU=0 ; hostname=…`: the useful part ends at the first
 * semicolon.
 */
const LIBRARY_FAILURE = /\b[A-Z]\w* failure -?\d+: .*?(?= ;|$)/;

/**
 * An error of the runtime in one sentence of at most 300 characters, without C++ signatures, places in its source,
 * failed conditions and line breaks.
 */
export function runtimeSentence(text: string): string {
  const line = withoutSecrets(text.replaceAll(COLOUR, '')).replaceAll(/\s+/g, ' ').trim();
  const told = LIBRARY_FAILURE.exec(line)?.[0] ?? withoutPlaces(line);
  const sentence = told
    .replaceAll(/\[ONNXRuntimeError\] : \d+ : \w+ : /g, '')
    .replace(/^(?:Exception during initialization: |Error: )+/, '')
    .replace(/^(.*?) was false\. ?(.*)$/, (_, condition: string, message: string) => message || condition)
    .replace(/^Non-zero status code returned .*?Status Message: /, '')
    .replace(/[\s;:.]+$/, '');
  return shortened(sentence, LONGEST_SENTENCE);
}

function withoutPlaces(line: string): string {
  let rest = line;
  for (let place = SOURCE_PLACE.exec(rest); place !== null; place = SOURCE_PLACE.exec(rest)) {
    const after = rest.slice(place.index + place[0].length);
    rest = rest.slice(0, place.index) + after.slice(signatureLength(after));
  }
  return rest.trim();
}

/**
 * Characters of the function signature that begins a text: `T ns::f(A, B)::<lambda()> const [with T = int] `; 0
 * where there is none.
 */
function signatureLength(text: string): number {
  const open = text.indexOf('(');
  if (open < 0 || !text.slice(0, open).includes('::')) return 0;
  let depth = 0;
  let end = open;
  for (; end < text.length; end++) {
    if (text[end] === '(') depth++;
    else if (text[end] === ')' && --depth === 0) break;
  }
  if (depth !== 0) return 0;
  const tail =
    /^(?:::<lambda\([^)]*\)>|::operator\(\)\([^)]*\)| const\b| mutable\b| noexcept\b| \[with [^\]]*\])*\s*/;
  return end + 1 + (tail.exec(text.slice(end + 1))?.[0].length ?? 0);
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${wholeCharacters(text.slice(0, length - 1)).trimEnd()}…`;
}

/** The runtime's own log below an error: `2026-11-29 07:48:53.89 [W:onnxruntime:…` and the like. */
const RUNTIME_REMARK = /^\d{4}-\d\d-\d\d [\d:.]+ \[[VIW]:/;
/** Remarks of Dawn (WebGPU) and of Vulkan's loader. An indented line belongs to the line before it. */
const DRIVER_REMARK = /^(?:Warning|WARNING|Info|INFO|DEBUG|MESA(?:-\w+)?: (?:warning|info|debug))\b/;

/**
 * The last words of a process on standard error, at most `length` characters, without the remarks that runtime and
 * drivers make even when nothing is wrong. Empty where there were no others.
 */
export function lastWords(stderr: string, length: number): string {
  const kept: string[] = [];
  let remark = false;
  for (const line of withoutSecrets(stderr.replaceAll(COLOUR, '')).split('\n')) {
    const goesOn: boolean = remark && /^(?:\s+\S|\s*$)/.test(line);
    remark = goesOn || RUNTIME_REMARK.test(line) || DRIVER_REMARK.test(line);
    if (!remark) kept.push(line);
  }
  return wholeCharacters(kept.join('\n').trim().slice(-length)).trim();
}

/** The text without the half of a character beyond U+FFFF that a cut left at either end. */
function wholeCharacters(text: string): string {
  return text.replace(/^[\uDC00-\uDFFF]/, '').replace(/[\uD800-\uDBFF]$/, '');
}
