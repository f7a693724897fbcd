import { expect, it } from 'vitest';
import { Boxes } from '../src/view/stream-boxes';

function box(kind: string, payload: number[]): number[] {
  return [0, 0, 0, 8 + payload.length, ...[...kind].map((letter) => letter.charCodeAt(0)), ...payload];
}

it('finds the same boxes however the bytes come', () => {
  const bytes = [...box('ftyp', [1, 2, 3]), ...box('moov', []), ...box('mdat', [9, 9])];
  for (let size = 1; size <= bytes.length; size += 1) {
    const boxes = new Boxes();
    const found = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...boxes.take(new Uint8Array(bytes.slice(at, at + size))));
    expect(found.map(({ kind, bytes: { length } }) => [kind, length])).toEqual([['ftyp', 11], ['moov', 8], ['mdat', 10]]);
  }
});

it('keeps what is not whole', () => {
  expect(new Boxes().take(new Uint8Array(box('moof', [1, 2]).slice(0, 9)))).toEqual([]);
});

it('refuses a box without a size', () => {
  expect(() => new Boxes().take(new Uint8Array(8))).toThrow(RangeError);
});
