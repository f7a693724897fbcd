import { describe, expect, it } from 'vitest';
import { catchUpRate, MAX_RATE, MIN_RATE, steer, Target } from '../player/steer.js';

const view = { rate: 1, stalled: false, targetS: 0.3, jumpS: 3 };

describe('steering', () => {
  it('does nothing without media', () => {
    expect(steer({ ...view, time: 0, ranges: [] })).toEqual({ seekTo: null, why: null, rate: 1 });
  });

  it('begins at the media, wherever that is', () => {
    expect(steer({ ...view, time: 0, ranges: [{ start: 10, end: 10.2 }] }).seekTo).toBeCloseTo(10.01);
    expect(steer({ ...view, time: 0, ranges: [{ start: 10, end: 14 }] }).seekTo).toBeCloseTo(13.7);
  });

  it('leaves a playhead near the edge alone', () => {
    expect(steer({ ...view, time: 13.65, ranges: [{ start: 10, end: 14 }] })).toEqual({ seekTo: null, why: null, rate: 1 });
  });

  it('plays faster when somewhat late, and goes on until the target is reached', () => {
    const ranges = [{ start: 10, end: 14 }];
    expect(steer({ ...view, time: 13, ranges }).rate).toBe(MAX_RATE);
    expect(steer({ ...view, time: 13.6, rate: 1.05, ranges }).rate).toBeGreaterThan(1);
    expect(steer({ ...view, time: 13.71, rate: 1.05, ranges }).rate).toBe(1);
  });

  it('plays slower where the edge is too near, only when it may', () => {
    const near = { ...view, time: 13.75, ranges: [{ start: 10, end: 14 }] };
    expect(steer(near).rate).toBe(1);
    expect(steer({ ...near, mayWait: true }).rate).toBe(MIN_RATE);
    expect(steer({ ...near, mayWait: true, time: 13.69 }).rate).toBe(1);
  });

  it('plays slower still where media runs short, and goes on so until there is enough', () => {
    const ranges = [{ start: 10, end: 14 }];
    const rates = (rate: number) => [13.75, 13.81, 13.88, 13.98].map((time) => steer({ ...view, rate, time, ranges }).rate);
    expect(rates(1)).toEqual([1, 0.85, 0.75, 0.75]);
    expect(rates(0.85)).toEqual([0.85, 0.85, 0.75, 0.75]);
    expect(steer({ ...view, rate: 0.85, time: 13.71, ranges }).rate).toBe(1);
  });

  it('jumps to the edge when far behind', () => {
    const steering = steer({ ...view, time: 10.5, ranges: [{ start: 10, end: 14 }] });
    expect(steering.why).toBe('behind');
    expect(steering.seekTo).toBeCloseTo(13.7);
  });

  it('crosses a gap when the media before it is used up, not earlier', () => {
    const ranges = [{ start: 10, end: 12 }, { start: 12.3, end: 12.9 }];
    expect(steer({ ...view, time: 11.8, ranges }).seekTo).toBeNull();
    expect(steer({ ...view, time: 11.97, ranges })).toMatchObject({ seekTo: 12.31, why: 'gap' });
    expect(steer({ ...view, time: 12.15, ranges })).toMatchObject({ seekTo: 12.31, why: 'gap' });
  });

  it('crosses a gap at once when the browser stopped before it', () => {
    const ranges = [{ start: 10, end: 12 }, { start: 12.3, end: 12.9 }];
    expect(steer({ ...view, time: 11.8, stalled: true, ranges })).toMatchObject({ seekTo: 12.31, why: 'gap' });
    expect(steer({ ...view, time: 11, stalled: true, ranges }).seekTo).toBeNull();
  });

  it('waits at the end of the buffer', () => {
    expect(steer({ ...view, time: 14.02, ranges: [{ start: 10, end: 14 }] }).seekTo).toBeNull();
  });

  it('comes back when the timeline went back', () => {
    expect(steer({ ...view, time: 50, ranges: [{ start: 10, end: 14 }] })).toMatchObject({ why: 'outside' });
  });

  it('always moves into what is buffered', () => {
    for (let time = 0; time < 30; time += 0.07) {
      const ranges = [{ start: 5, end: 9 }, { start: 9.5, end: 9.6 }, { start: 12, end: 12.1 }];
      const { seekTo } = steer({ ...view, time, ranges });
      if (seekTo !== null) expect(ranges.some(({ start, end }) => seekTo >= start && seekTo <= end)).toBe(true);
    }
  });
});

it('catches up no faster than the bound, nor slower than normal', () => {
  for (const excess of [-1, 0, 0.1, 0.3, 1, 100]) {
    for (const catching of [false, true]) {
      expect(catchUpRate(excess, catching)).toBeGreaterThanOrEqual(1);
      expect(catchUpRate(excess, catching)).toBeLessThanOrEqual(MAX_RATE);
    }
  }
});

describe('the target', () => {
  it('grows with stalls up to a bound and shrinks in calm, never below its base', () => {
    const target = new Target(0.3);
    target.stalled(0);
    expect(target.value(0)).toBeCloseTo(0.4);
    for (let i = 0; i < 50; i += 1) target.stalled(0);
    expect(target.value(0)).toBeCloseTo(2.3);
    expect(target.value(20_000)).toBeCloseTo(2.25);
    expect(target.value(20_001)).toBeCloseTo(2.25);
    let last = 0;
    for (let now = 40_000; now < 2_000_000; now += 20_000) last = target.value(now);
    expect(last).toBe(0.3);
  });
});
