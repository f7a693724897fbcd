import { describe, expect, it } from 'vitest';
import { Watchdog } from '../player/page/watchdog.js';

const live = { waits: true, isOnTrial: false, wasLive: true };

/** What is done at each second of the first so many. */
function remedies(sight: typeof live, seconds: number) {
  const watchdog = new Watchdog();
  const told = Array.from({ length: seconds + 1 }, (_, second) => [second, watchdog.look(sight, 7000 + second * 1000)] as const);
  return told.filter(([, remedy]) => remedy !== null);
}

describe('a player that does not come forward', () => {
  it('is led to the live edge once, and then begun anew', () => {
    expect(remedies(live, 15)).toEqual([[4, 'rejoin'], [10, 'renew'], [15, 'rejoin']]);
  });

  it('may take longer where it shows the past or has shown nothing yet', () => {
    expect(remedies({ ...live, wasLive: false }, 31)).toEqual([[30, 'renew']]);
  });

  it('gives way sooner where another protocol could be tried', () => {
    expect(remedies({ waits: true, isOnTrial: true, wasLive: false }, 9)).toEqual([[8, 'renew']]);
  });

  it('is left alone while it plays, and has all its time again after that', () => {
    const watchdog = new Watchdog();
    expect([0, 3900].map((ms) => watchdog.look(live, ms))).toEqual([null, null]);
    expect(watchdog.look({ ...live, waits: false }, 3950)).toBe(null);
    expect([4100, 8000, 8100].map((ms) => watchdog.look(live, ms))).toEqual([null, null, 'rejoin']);
  });
});
