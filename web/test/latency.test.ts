import { describe, expect, it } from 'vitest';
import { latencyMs, ServerClock } from '../player/latency.js';

describe('the server clock', () => {
  it('is not known before the first exchange', () => {
    expect(new ServerClock().now()).toBeNull();
  });

  it('believes the exchange with the shortest round trip', () => {
    const clock = new ServerClock();
    clock.sample(5_000, 1_000, 1_400); // offset 3800, 400 ms on the way
    clock.sample(5_520, 1_500, 1_540); // offset 4000, 40 ms on the way
    clock.sample(6_900, 2_000, 2_300); // offset 4750, 300 ms on the way
    expect(clock.now(10_000)).toBe(14_000);
  });

  it('forgets old exchanges, so that it follows a drift', () => {
    const clock = new ServerClock();
    clock.sample(1_000, 0, 0);
    for (let i = 0; i < 8; i += 1) clock.sample(2_000, 0, 10);
    expect(clock.offsetMs).toBe(1_995);
  });

  it('ignores an answer that is no number and a clock that stepped back', () => {
    const clock = new ServerClock();
    clock.sample(NaN, 0, 10);
    clock.sample(1_000, 20, 10);
    expect(clock.offsetMs).toBeNull();
  });
});

describe('latency', () => {
  const wallClock = { media_ms: 450_000_000, unix_ms: 1_000_000 };

  it('is the time since the picture on show was received', () => {
    expect(latencyMs(1_002_000, wallClock, 450_001_300)).toBe(700);
    expect(latencyMs(1_002_000, wallClock, 449_999_000)).toBe(3_000);
  });

  it('is never negative', () => {
    expect(latencyMs(1_000_000, wallClock, 450_000_050)).toBe(0);
  });

  it('is unknown without a clock, a playhead or a reference', () => {
    expect(latencyMs(null, wallClock, 1)).toBeNull();
    expect(latencyMs(1, wallClock, null)).toBeNull();
    expect(latencyMs(1, undefined, 1)).toBeNull();
  });
});
