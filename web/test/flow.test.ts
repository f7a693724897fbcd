import { describe, expect, it } from 'vitest';
import { Flow } from '../player/flow.js';
import { Rungs } from '../player/rungs.js';

const PICTURES = [{ id: null, bitRate: 4_000_000 }, { id: 'v16', bitRate: 1_500_000 }, { id: 'v17', bitRate: 400_000 }];
const STEP_MS = 40;

/** Plays a line on a clock of its own: media of `bitRate` is made in real time and goes over a line that bears `line(now)`, both bits per second. */
function* arrivals(bitRate: number, line: (now: number) => number, fromMs = 0) {
  const bits = (bitRate * STEP_MS) / 1000;
  let freeMs = fromMs;
  for (let made = fromMs; ; made += STEP_MS) {
    const began = Math.max(made, freeMs);
    freeMs = began + (bits / line(began)) * 1000;
    yield { at: freeMs, bytes: bits / 8, age: freeMs - made };
  }
}

/** What arrives until then. */
function run(flow: Flow, line: ReturnType<typeof arrivals>, untilMs: number, look = (_now: number) => {}) {
  for (const { at, bytes, age } of line) {
    if (at > untilMs) return;
    flow.arrived(at, bytes, age);
    look(at);
  }
}

function rungs() {
  const made = new Rungs();
  made.pictures = PICTURES;
  return made;
}

/** The moment at which it doubts, milliseconds. */
function doubted(made: Rungs, flow: Flow, line: ReturnType<typeof arrivals>, untilMs: number): number | null {
  let found: number | null = null;
  run(flow, line, untilMs, (now) => { if (made.doubts(now, flow)) found ??= now; });
  return found;
}

describe('what a line bears', () => {
  it('is told while media waits for it', () => {
    const flow = new Flow(true);
    run(flow, arrivals(4_000_000, (now) => (now < 5000 ? 20_000_000 : 2_000_000)), 8000);
    expect(flow.lateForMs(8000)).toBeGreaterThan(2000);
    expect(flow.bitRate(8000) / 2_000_000).toBeCloseTo(1, 1);
  });

  it('says nothing after a flood that follows a hiccup', () => {
    const flow = new Flow(true);
    // Nothing for half a second, and then everything at once.
    run(flow, arrivals(4_000_000, (now) => (now > 5000 && now < 5040 ? 160_000 / 0.5 : 100_000_000)), 6500);
    expect(flow.lateForMs(6500)).toBe(0);
    expect(doubted(rungs(), new Flow(true), arrivals(4_000_000, (now) => (now > 5000 && now < 5040 ? 320_000 : 100_000_000)), 9000)).toBeNull();
  });
});

describe('down', () => {
  it('doubts before a quarter of a second of what is buffered has been played', () => {
    // Half a second of a line that bears half: media is late by a quarter.
    const at = doubted(rungs(), new Flow(true), arrivals(4_000_000, (now) => (now < 5000 ? 20_000_000 : 2_000_000)), 7000);
    expect(at).toBeGreaterThan(5000);
    expect(at).toBeLessThan(5750);
  });

  it('measures only since the line has been too slow', () => {
    const flow = new Flow(true);
    run(flow, arrivals(4_000_000, (now) => (now < 5000 ? 20_000_000 : 1_000_000)), 5800);
    expect(flow.bitRate(5800) / 1_000_000).toBeCloseTo(1, 0);
  });

  it('goes at once just after a keyframe, and otherwise over the next one', () => {
    const [made, flow] = [rungs(), new Flow(true)];
    run(flow, arrivals(4_000_000, (now) => (now < 5000 ? 20_000_000 : 2_500_000)), 6000);
    const at = (sinceMs: number) => made.moment(6000, flow, { sinceMs, untilMs: 2000 - sinceMs });
    expect([0, 300, 1000, 1500, 1900].map(at)).toEqual(['newest', 'newest', null, 'next', null]);
    expect(made.moment(6000, flow, null)).toBe('newest');
  });

  it('waits for no keyframe where hardly anything comes', () => {
    const [made, flow] = [rungs(), new Flow(true)];
    run(flow, arrivals(4_000_000, (now) => (now < 5000 ? 20_000_000 : 500_000)), 7000);
    expect(made.moment(7000, flow, { sinceMs: 1000, untilMs: 1000 })).toBeNull();
    expect(made.moment(7000, flow, { sinceMs: 700, untilMs: 1300 })).toBe('newest');
  });

  it('goes within a second to the best that the line bears with something to spare', () => {
    const [made, flow] = [rungs(), new Flow(true)];
    const at = doubted(made, flow, arrivals(4_000_000, (now) => (now < 5000 ? 20_000_000 : 2_000_000)), 7000);
    expect(at).toBeGreaterThan(5000);
    expect(at).toBeLessThan(6300);
    expect(made.blames(7000, flow, 1000)).toBe(true);
    expect(made.down(7000, flow)).toBe(true);
    expect(made.current).toBe('v16');
  });

  it('waits after a decision, while what came before it is still on the line', () => {
    const [made, slow, next] = [rungs(), new Flow(true), new Flow(false)];
    run(slow, arrivals(4_000_000, () => 2_000_000), 4000);
    made.down(4000, slow);
    const at = doubted(made, next, arrivals(1_500_000, (now) => (now < 4200 ? 20_000_000 : 1_000_000), 4000), 9000);
    expect(at).toBeGreaterThan(6900);
    expect(at).toBeLessThan(7500);
  });

  it('goes to the lowest where the line bears none', () => {
    const [made, flow] = [rungs(), new Flow(true)];
    run(flow, arrivals(4_000_000, () => 300_000), 4000);
    expect(made.down(4000, flow)).toBe(true);
    expect(made.current).toBe('v17');
    expect(made.down(5000, flow)).toBe(false);
  });

  it('does not go for a stream that is itself late', () => {
    const [made, flow] = [rungs(), new Flow(true)];
    // The publisher falls behind by a second; what has arrived is all that the server has.
    for (let now = 0; now < 4000; now += STEP_MS) flow.arrived(now, 20_000, now < 2000 ? 50 : 50 + (now - 2000) / 2);
    expect(made.doubts(4000, flow)).toBe(true);
    expect(made.blames(4000, flow, 40)).toBe(false);
    expect(made.current).toBeNull();
    expect(flow.lateForMs(4000)).toBe(0);
  });

  it('doubts a source that was late from the start, and never a stream of one rendition', () => {
    expect(doubted(rungs(), new Flow(true), arrivals(4_000_000, () => 2_000_000), 3000)).not.toBeNull();
    const single = new Rungs();
    single.pictures = [{ id: null, bitRate: 4_000_000 }];
    expect(doubted(single, new Flow(true), arrivals(4_000_000, () => 2_000_000), 3000)).toBeNull();
  });
});

describe('up', () => {
  /** A player that went down to v16 at the time 0. */
  function lowered() {
    const made = rungs();
    const slow = new Flow(true);
    run(slow, arrivals(4_000_000, () => 2_000_000, -4000), 0);
    made.down(0, slow);
    return made;
  }

  /** The moment of the next trial. */
  function tries(made: Rungs, fromMs: number, flow = new Flow(false)) {
    for (let now = fromMs; now < fromMs + 300_000; now += STEP_MS) {
      flow.arrived(now, 7000, 30);
      const better = made.toTry(now, flow);
      if (better !== null) return { now, better };
    }
    return null;
  }

  it('is tried after a time of calm, and waits twice as long after each failure', () => {
    const made = lowered();
    const first = tries(made, 0);
    expect(first?.better.id).toBeNull();
    expect(first?.now).toBeCloseTo(8000, -2);
    made.tried(10_000, false);
    expect(made.current).toBe('v16');
    expect(tries(made, 10_000)?.now).toBeCloseTo(26_000, -2);
    made.tried(30_000, false);
    expect(tries(made, 30_000)?.now).toBeCloseTo(62_000, -2);
  });

  it('counts as failed when it does not last', () => {
    const made = lowered();
    made.tried(10_000, true);
    expect(made.current).toBeNull();
    const slow = new Flow(true);
    run(slow, arrivals(4_000_000, () => 2_000_000, 10_000), 14_000);
    made.down(14_000, slow);
    expect(made.current).toBe('v16');
    expect(tries(made, 14_000)?.now).toBeCloseTo(30_000, -2);
  });

  it('is passed when a whole group has come and neither was late', () => {
    const made = lowered();
    const [calm, late] = [new Flow(true), new Flow(true)];
    run(calm, arrivals(1_500_000, () => 20_000_000), 3000);
    run(late, arrivals(4_000_000, () => 2_000_000), 3000);
    expect(made.judge(1000, 1, calm, calm)).toBeNull();
    expect(made.judge(2000, 2, calm, calm)).toBe(true);
    expect(made.judge(2000, 2, calm, late)).toBe(false);
    expect(made.judge(500, 1, late, calm)).toBe(false);
    expect(made.judge(60_000, 1, calm, calm)).toBe(false);
  });
});

it('stays where it is while the renditions are told anew, and goes back when its own is gone', () => {
  const made = rungs();
  const slow = new Flow(true);
  run(slow, arrivals(4_000_000, () => 2_000_000), 4000);
  made.down(4000, slow);
  made.pictures = [...PICTURES];
  expect(made.current).toBe('v16');
  made.pictures = PICTURES.filter(({ id }) => id !== 'v16');
  expect(made.current).toBeNull();
});
