import { describe, expect, test } from '@jest/globals';
import { collidingPaths, relativePathProblem } from '../../common/relative-path.js';

describe('the path of a file below a folder', () => {
  test.each([
    'model.onnx',
    'onnx/model.onnx_data',
    'a b/c',
    '.hidden/x',
    'é/模型.json',
    '..a/b..',
    'a'.repeat(240),
  ])('may be %j', (path) => {
    expect(relativePathProblem(path)).toBeNull();
  });

  test.each([
    ['', /empty/],
    ['/etc/passwd', /absolute/],
    ['C:/x', /absolute/],
    ['c:x', /absolute/],
    ['a\\b', /backslash/],
    ['..', /"\.\."/],
    ['a/../b', /"\.\."/],
    ['a/./b', /"\."/],
    ['a//b', /empty name/],
    ['a/', /empty name/],
    ['a\n/../../b', /U\+000A/],
    ['a\u2028/../../b', /U\+2028/],
    ['a\u2029/../../b', /U\+2029/],
    ['a\r/../b', /U\+000D/],
    ['a\0b', /U\+0000/],
    ['a\u001b[2Jb', /U\+001B/],
    ['a\u0085b', /U\+0085/],
    ['a\u009bb', /U\+009B/],
    ['a\u202exno.ledom', /U\+202E/],
    ['a\u2066b', /U\+2066/],
    ['a\u200bb', /U\+200B/],
    ['a\u00adb', /U\+00AD/],
    ['a\ufeffb', /U\+FEFF/],
    ['a\u3164b', /U\+3164/],
    ['a\ufe0fb', /U\+FE0F/],
    ['a\u{e0041}b', /U\+E0041/],
    ['a\ufffeb', /U\+FFFE/],
    ['a\u00a0b', /U\+00A0/],
    ['a\u3000b', /U\+3000/],
    ['a /b', /space/],
    [' a', /space/],
    ['half \ud83d', /surrogate/],
    ['a'.repeat(241), /more than 240 bytes/],
    ['é'.repeat(121), /more than 240 bytes/],
    [Array.from({ length: 20 }, () => 'a'.repeat(60)).join('/'), /longer than 1024 bytes/],
    [Array.from({ length: 33 }, () => 'a').join('/'), /32 folders/],
  ])('is not %j', (path, problem) => {
    expect(relativePathProblem(path)).toMatch(problem);
  });
});

describe('paths that some file system takes for one', () => {
  test.each([
    [['a', 'b', 'A'], 2, 'a'],
    [['Onnx/Model.onnx', 'onnx/model.onnx'], 1, 'Onnx/Model.onnx'],
    [['caf\u00e9', 'cafe\u0301'], 1, 'caf\u00e9'],
    [['\u00e9/x', 'E\u0301/X'], 1, '\u00e9/x'],
    [['stra\u00dfe', 'STRASSE'], 1, 'stra\u00dfe'],
    [['a', 'a'], 1, 'a'],
    [['a/b', 'A'], 1, 'a/b'],
    [['a', 'A/b/c'], 1, 'a'],
  ])('%j', (paths, index, other) => {
    expect(collidingPaths(paths)).toEqual({ index, other });
  });

  test('are not those that differ in another way, nor folders of several files', () => {
    expect(collidingPaths(['onnx/a', 'onnx/b', 'Onnx/c', 'a', 'ab', 'constructor'])).toBeNull();
  });
});
