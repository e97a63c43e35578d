import { expect, test } from '@jest/globals';
import { fromHalf, toHalf } from '../../models/onnx/half.js';

test('every half is the same after the way to float32 and back', () => {
  const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i).filter((half) => (half & 0x7fff) <= 0x7c00);
  expect(toHalf(Float32Array.from(all, fromHalf))).toEqual(all);
});

test('values between two halves go to the nearer, ties to the even one', () => {
  const step = 2 ** -10;
  expect([...toHalf([1 + step / 2, 1 + step * 1.5, 1 + step * 0.51, 1 + step * 0.49])]).toEqual([
    0x3c00, 0x3c02, 0x3c01, 0x3c00,
  ]);
  expect([...toHalf([2 ** -25, 2 ** -25 * 1.01, 65519, 65520, 1e6, -1e6])]).toEqual([
    0, 1, 0x7bff, 0x7c00, 0x7c00, 0xfc00,
  ]);
  expect(fromHalf(toHalf([NaN])[0]!)).toBeNaN();
});
