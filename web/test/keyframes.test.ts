import { expect, it } from 'vitest';
import { Keyframes } from '../player/keyframes.js';

it('knows when the next keyframe is due, from the second one on', () => {
  const keyframes = new Keyframes();
  expect(keyframes.around(0)).toBeNull();
  keyframes.came(4000);
  expect(keyframes.around(4500)).toBeNull();
  keyframes.came(6000);
  expect(keyframes.around(6500)).toEqual({ sinceMs: 500, untilMs: 1500 });
});

it('counts on where the line is more than one behind', () => {
  const keyframes = new Keyframes();
  for (const mediaMs of [0, 2000]) keyframes.came(mediaMs);
  expect(keyframes.around(6300)).toEqual({ sinceMs: 300, untilMs: 1700 });
  expect(keyframes.around(1900)).toEqual({ sinceMs: 0, untilMs: 2000 });
});

it('takes the newest interval, and none from a clock that goes back', () => {
  const keyframes = new Keyframes();
  for (const mediaMs of [0, 2000, 5000, 1000]) keyframes.came(mediaMs);
  expect(keyframes.around(1500)).toEqual({ sinceMs: 500, untilMs: 2500 });
});
