import { describe, expect, it } from 'vitest';
import { readClocks, readFragment } from '../player/boxes.js';

/** Bytes of 32-bit numbers; text stands for itself. */
const bytes = (...parts: (number | string | Uint8Array)[]): Uint8Array<ArrayBuffer> => new Uint8Array(parts.flatMap((part) => {
  if (part instanceof Uint8Array) return [...part];
  return typeof part === 'string' ? [...part].map((letter) => letter.charCodeAt(0)) : [24, 16, 8, 0].map((shift) => (part >>> shift) & 0xff);
}));

const box = (kind: string, ...parts: (number | string | Uint8Array)[]) => {
  const payload = bytes(...parts);
  return bytes(payload.length + 8, kind, payload);
};

const trak = (id: number, handler: string, mdhd: Uint8Array) =>
  box('trak', box('tkhd', 7, 0, 0, id), box('mdia', mdhd, box('hdlr', 0, 0, handler, 0, 0, 0)));

const INIT = bytes(box('ftyp', 'iso6'), box('moov', box('mvhd', 0),
  trak(1, 'vide', box('mdhd', 0, 0, 0, 90_000, 0)), trak(2, 'soun', box('mdhd', 0x0100_0000, 0, 0, 0, 0, 48_000, 0))));

const SYNC = 0x0200_0000;
const OTHER = 0x0101_0000;

function fragment(id: number, tfhd: number[], tfdt: number[], trun: number[]): Uint8Array<ArrayBuffer> {
  return bytes(box('prft', 0), box('moof', box('mfhd', 0, 1),
    box('traf', box('tfhd', tfhd[0] ?? 0, id, ...tfhd.slice(1)), box('tfdt', ...tfdt), box('trun', ...trun))), box('mdat', 0));
}

describe('boxes', () => {
  const clocks = readClocks(INIT);

  it('knows the clock of each track', () => {
    expect([...clocks]).toEqual([[1, { timescale: 90_000, isVideo: true }], [2, { timescale: 48_000, isVideo: false }]]);
  });

  it('knows when a fragment is shown, and whether it begins with a sync sample', () => {
    // One sample whose flags and duration are the defaults; a decode time of 64 bits; a composition offset.
    const sync = fragment(1, [0x02_0028, 3000, SYNC], [0x0100_0000, 1, 0], [0x0100_0a01, 1, 100, 7, 9000]);
    expect(readFragment(sync, clocks)).toMatchObject({ time: 2 ** 32 / 90_000 + 0.1, isVideo: true, isSync: true });
    const other = fragment(1, [0x02_0020, OTHER], [0, 180_000], [0x0000_0201, 1, 100, 7]);
    expect(readFragment(other, clocks)).toMatchObject({ time: 2, isSync: false });
  });

  it('reads flags of the first sample and of each', () => {
    const first = fragment(1, [0x02_0020, OTHER], [0, 0], [0x0000_0205, 2, 100, SYNC, 7, 7]);
    expect(readFragment(first, clocks)?.isSync).toBe(true);
    const each = fragment(2, [0x02_0000], [0, 24_000], [0x0000_0701, 1, 100, 1024, 7, OTHER]);
    expect(readFragment(each, clocks)).toMatchObject({ time: 0.5, isVideo: false, isSync: false });
  });

  it('gives nothing for a track that was not announced', () => {
    expect(readFragment(fragment(3, [0x02_0020, SYNC], [0, 0], [0x201, 1, 100, 7]), clocks)).toBeNull();
    expect(readFragment(bytes(box('mdat', 0)), clocks)).toBeNull();
  });
});
