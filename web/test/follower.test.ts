import { describe, expect, it } from 'vitest';
import { Follower, MAX_RATE, MIN_RATE, RESERVE_S } from '../player/follower.js';

const PART_S = 0.334;
const TICK_S = 0.1;

/** A player whose media comes part by part, each `lateS` after its end; `steps` are what the follower said. */
function play(follower: Follower, { seconds = 60, behindS = 1, late = (_: number): number => 0.05 } = {}) {
  let time = -behindS;
  let end = 0;
  let number = 0;
  const lows: number[] = [];
  const rates: number[] = [];
  let seeks = 0;
  for (let now = 0; now < seconds; now += TICK_S) {
    while ((number + 1) * PART_S + late(number) <= now) end = (number += 1) * PART_S;
    const { rate, seekTo } = follower.look({ now, time, end });
    rates.push(rate);
    if (seekTo !== null) {
      time = seekTo;
      seeks += 1;
    }
    lows.push(end - time);
    time = Math.min(end, time + rate * TICK_S);
  }
  return { rates, seeks, lows, time, last: lows.slice(-50) };
}

describe('following the live edge', () => {
  it('comes to the reserve at the low-water mark and stays there at the normal rate', () => {
    for (const behindS of [0.6, 1, 2, 3]) {
      const { last, rates, seeks } = play(new Follower(), { behindS });
      expect(Math.min(...last)).toBeGreaterThan(RESERVE_S - 0.1);
      expect(Math.min(...last)).toBeLessThan(RESERVE_S + 0.15);
      expect(rates.slice(-100).every((rate) => rate === 1)).toBe(true);
      expect(seeks).toBe(0);
    }
  });

  it('slows down where there is too little', () => {
    const { rates, last } = play(new Follower(), { behindS: 0.45 });
    expect(Math.min(...rates)).toBeLessThan(1);
    expect(Math.min(...last)).toBeGreaterThan(RESERVE_S - 0.1);
  });

  it('keeps as much more as media comes late now and then', () => {
    const late = (number: number) => (number % 6 === 0 ? 0.4 : 0.05);
    const { lows } = play(new Follower(), { late, behindS: 2 });
    expect(Math.min(...lows)).toBeGreaterThan(RESERVE_S - 0.1);
  });

  it('keeps the rate within its bounds', () => {
    for (const behindS of [0, 0.5, 1, 2.9, 10]) {
      for (const rate of play(new Follower(), { behindS }).rates) {
        expect(rate).toBeGreaterThanOrEqual(MIN_RATE);
        expect(rate).toBeLessThanOrEqual(MAX_RATE);
      }
    }
  });

  it('jumps once when far behind', () => {
    const { seeks, last } = play(new Follower(), { behindS: 10 });
    expect(seeks).toBe(1);
    expect(Math.min(...last)).toBeLessThan(RESERVE_S + 0.15);
  });
});

describe('a viewer who goes back', () => {
  const follower = () => {
    const it = new Follower();
    it.look({ now: 0, time: -1, end: 0 });
    return it;
  };

  it('is left alone, until a seek leads forward again', () => {
    const it = follower();
    it.moved(1, -15);
    expect(it.look({ now: 1.1, time: -15, end: 1 })).toEqual({ rate: 1, seekTo: null });
    it.moved(5, 2);
    expect(it.look({ now: 5.1, time: 2.1, end: 5 }).rate).toBeGreaterThan(1);
  });

  it('is left alone where that was before the first look', () => {
    const it = new Follower();
    it.moved(0, 30);
    it.moved(0.1, 20.1);
    expect(it.look({ now: 0.2, time: 20.1, end: 30.5 })).toEqual({ rate: 1, seekTo: null });
  });

  it('begins where the player does, however far that is', () => {
    const it = new Follower();
    it.moved(0, 0);
    it.moved(0.1, 1000);
    expect(it.look({ now: 0.2, time: 1000, end: 1008 }).seekTo).toBeCloseTo(1008 - RESERVE_S);
  });

  it('is caught up with after a short pause, and left alone after a long one', () => {
    const short = follower();
    short.moved(2, -1);
    expect(short.look({ now: 2.1, time: -0.9, end: 2 }).rate).toBeGreaterThan(1);
    const long = follower();
    long.moved(20, -1);
    expect(long.look({ now: 20.1, time: -0.9, end: 20 })).toEqual({ rate: 1, seekTo: null });
  });
});

describe('the reserve', () => {
  it('grows with stalls up to a bound and shrinks in calm, never below where it began', () => {
    const follower = new Follower(0.3);
    follower.stalled(0);
    expect(follower.reserveS).toBeCloseTo(0.5);
    for (let i = 0; i < 50; i += 1) follower.stalled(0);
    expect(follower.reserveS).toBeCloseTo(2.3);
    let now = 0;
    for (; now < 59; now += 1) follower.look({ now, time: now, end: now + 1 });
    expect(follower.reserveS).toBeCloseTo(2.3);
    for (; now < 7200; now += 10) follower.look({ now, time: now, end: now + 1 });
    expect(follower.reserveS).toBe(0.3);
  });

  it('does not remember what came late before a break', () => {
    const follower = new Follower();
    follower.look({ now: 0, time: -2, end: 0 });
    follower.look({ now: 4, time: 0, end: 0 });
    expect(follower.look({ now: 4.1, time: 2.6, end: 4 }).rate).toBeLessThan(1);
    follower.forget();
    expect(follower.look({ now: 4.2, time: 2.7, end: 4.2 }).rate).toBe(1);
  });
});
