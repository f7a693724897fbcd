import { expect, it } from 'vitest';
import { Backoff } from '../player/backoff.js';

it('doubles up to a bound and begins again after a reset', () => {
  const backoff = new Backoff(500, 3000, () => 0.5);
  expect([backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([500, 1000, 2000, 3000, 3000]);
  backoff.reset();
  expect(backoff.next()).toBe(500);
});

it('respects a minimum and spreads viewers by a quarter each way', () => {
  expect(new Backoff(500, 3000, () => 0).next(4000)).toBe(3000);
  expect(new Backoff(500, 3000, () => 1).next(4000)).toBe(5000);
});
