import { describe, expect, it } from 'vitest';
import { AppendQueue, MAX_QUEUED_BYTES } from '../player/queue.js';

const bytes = (...values: number[]) => new Uint8Array(values);

describe('the append queue', () => {
  it('joins the fragments that wait together, in order', () => {
    const queue = new AppendQueue();
    queue.pushFragment(bytes(1, 2));
    queue.pushFragment(bytes(3));
    queue.pushFragment(bytes(4));
    expect(queue.take()).toEqual({ kind: 'media', bytes: bytes(1, 2, 3, 4), fragments: 3 });
    expect(queue.take()).toBeNull();
    expect(queue.bytes).toBe(0);
  });

  it('never joins across an init segment', () => {
    const queue = new AppendQueue();
    queue.pushInit('a', bytes(0));
    queue.pushFragment(bytes(1));
    queue.pushInit('b', bytes(9));
    queue.pushFragment(bytes(2));
    const kinds = [queue.take(), queue.take(), queue.take(), queue.take(), queue.take()].map((item) => item && [item.kind, ...item.bytes]);
    expect(kinds).toEqual([['init', 0], ['media', 1], ['init', 9], ['media', 2], null]);
  });

  it('bounds one append, yet takes a fragment that is larger', () => {
    const queue = new AppendQueue();
    queue.pushFragment(new Uint8Array(3_000_000));
    queue.pushFragment(new Uint8Array(700_000));
    queue.pushFragment(new Uint8Array(700_000));
    expect([queue.take(), queue.take(), queue.take()].map((item) => item?.bytes.byteLength)).toEqual([3_000_000, 700_000, 700_000]);
  });

  it('puts back what was refused, ahead of the rest', () => {
    const queue = new AppendQueue();
    queue.pushFragment(bytes(1));
    const refused = queue.take();
    queue.pushFragment(bytes(2));
    if (refused !== null) queue.putBack(refused);
    expect(queue.take()?.bytes).toEqual(bytes(1, 2));
  });

  it('says when it holds more than can be caught up with', () => {
    const queue = new AppendQueue();
    queue.pushFragment(new Uint8Array(MAX_QUEUED_BYTES));
    expect(queue.isOverfull).toBe(false);
    queue.pushFragment(bytes(1));
    expect(queue.isOverfull).toBe(true);
    queue.clear();
    expect([queue.isOverfull, queue.isEmpty]).toEqual([false, true]);
  });
});
