import type { FragmentState, MediaFragment, Part } from 'hls.js';
import { describe, expect, it } from 'vitest';
import { loadToTheEnd } from '../src/drivers/hls-mends.js';

const SEGMENT = { sn: 7 } as MediaFragment;

/** The segments that are forgotten, where `loaded` says which parts of segment 7 are there. */
function forgotten(state: 'OK' | 'PARTIAL', loaded: boolean[]): MediaFragment[] {
  const removed: MediaFragment[] = [];
  const tracker = { getState: () => state as FragmentState, removeFragment: (segment: unknown) => void removed.push(segment as MediaFragment) };
  const before = { fragment: { sn: 6 }, loaded: true, gap: false };
  const partList = [before, ...loaded.map((isLoaded) => ({ fragment: SEGMENT, loaded: isLoaded, gap: false }))] as unknown as Part[];
  expect(loadToTheEnd(tracker, SEGMENT, { partList })).toBe(SEGMENT);
  return removed;
}

describe('a segment that hls.js takes for whole', () => {
  it('is forgotten where its last part is missing, so that this is loaded', () => {
    expect(forgotten('OK', [true, true, false])).toEqual([SEGMENT]);
  });

  it('is left alone where all of its parts are there', () => {
    expect(forgotten('OK', [true, true, true])).toEqual([]);
  });

  it('is left alone where it was loaded in one piece', () => {
    expect(forgotten('OK', [false, false, false])).toEqual([]);
  });
});

it('leaves a segment alone of which hls.js knows that a part is missing', () => {
  expect(forgotten('PARTIAL', [true, true, false])).toEqual([]);
});
