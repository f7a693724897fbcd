import { describe, expect, it } from 'vitest';
import { MIN_AHEAD_S, Seam } from '../player/seam.js';

const GROUP_S = 2;
const PICTURE_S = 0.1;
const announcement = (kinds: string[]) => ({
  mime: 'video/mp4', baseMs: 0, why: 'joined', tracks: kinds.map((kind, at) => ({ id: `${kind[0]}${at}`, kind, codec: 'x' })),
});

const fragment = (time: number, isVideo = true) => ({
  bytes: new Uint8Array(), time, isVideo, isSync: !isVideo || Math.abs(time % GROUP_S) < 1e-6,
});

/** Pictures from one time to before another. */
const pictures = (from: number, to: number) =>
  Array.from({ length: Math.round((to - from) / PICTURE_S) }, (_, at) => fragment(Math.round((from + at * PICTURE_S) * 10) / 10));

function seam(kinds = ['video', 'audio']): Seam {
  const made = new Seam();
  made.init(announcement(kinds), new Uint8Array([1]));
  return made;
}

describe('a seam', () => {
  it('lies at a sync sample of the new rendition, when the old one has come up to it', () => {
    const made = seam();
    pictures(8, 9.8).forEach((old) => made.fromOld(old));
    // The new one is ahead of the old, as a source is of its rungs.
    pictures(10, 10.3).forEach((one) => made.fromNew(one));
    expect(made.take(9.6)).toBeNull();
    pictures(9.8, 10.1).forEach((old) => made.fromOld(old));
    const splice = made.take(9.8);
    expect(splice).toMatchObject({ at: 10, cuts: false });
    expect(splice?.fragments.map(({ time }) => time)).toEqual([10, 10.1, 10.2]);
  });

  it('waits for the next one when the playhead is too near', () => {
    const made = seam();
    pictures(8, 10.5).forEach((old) => made.fromOld(old));
    pictures(10, 10.2).forEach((one) => made.fromNew(one));
    expect(made.lagS).toBeCloseTo(0.3);
    expect(made.take(10 - MIN_AHEAD_S / 2)).toBeNull();
    pictures(10.5, 12.4).forEach((old) => made.fromOld(old));
    pictures(10.2, 12.1).forEach((one) => made.fromNew(one));
    expect(made.take(11.8)).toMatchObject({ at: 12, fragments: [{ time: 12 }] });
  });

  it('takes out what the old one has beyond the group that is replaced', () => {
    const made = seam();
    pictures(8, 12.4).forEach((old) => made.fromOld(old));
    pictures(10, 10.2).forEach((one) => made.fromNew(one));
    expect(made.take(9.5)).toMatchObject({ at: 10, cuts: true });
  });

  it('can be forced, and then begins where the new one does', () => {
    const made = seam();
    expect(made.takeAll()).toBeNull();
    pictures(8, 10.2).forEach((one) => made.fromNew(one));
    expect(made.take(9.9)).toBeNull();
    expect(made.takeAll()).toMatchObject({ at: 10, cuts: true });
    const other = seam();
    pictures(8, 10.2).forEach((one) => other.fromNew(one));
    expect(other.takeAll()?.fragments).toHaveLength(22);
  });

  it('keeps the sound that comes with the pictures', () => {
    const made = seam();
    [fragment(9.9, false), ...pictures(10, 10.1), fragment(9.95, false), fragment(10, false)].forEach((one) => made.fromNew(one));
    pictures(9, 10.1).forEach((old) => made.fromOld(old));
    expect(made.take(9.5)?.fragments.map(({ time, isVideo }) => [time, isVideo])).toEqual([[10, true], [9.95, false], [10, false]]);
  });

  it('lies anywhere in sound alone', () => {
    const made = seam(['audio']);
    [10, 10.05, 10.1].forEach((time) => made.fromNew(fragment(time, false)));
    [10, 10.05, 10.1, 10.15].forEach((time) => made.fromOld(fragment(time, false)));
    expect(made.take(9.95)).toMatchObject({ at: 10.1 });
  });

  it('holds no more than a group while the new one is only tried', () => {
    const made = seam();
    pictures(8, 12.3).forEach((one) => { made.fromNew(one); made.trim(); });
    expect(made.syncs).toBe(3);
    expect(made.takeAll()?.fragments).toHaveLength(3);
  });
});
