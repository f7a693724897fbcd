import { describe, expect, it } from 'vitest';
import { rowPath } from '../src/common/qr';
import { parseParameters } from '../src/embed/parameters';
import { parseSource } from '../src/embed/source';
import { commandOf } from '../src/view/keys';

describe('parseParameters', () => {
  it('plays with sound and buttons unless it is told otherwise', () => {
    expect(parseParameters('')).toEqual({ autoplay: true, muted: false, controls: true, protocol: null });
    expect(parseParameters('?autoplay=0&muted=1&controls=false&protocol=hls')).toEqual({ autoplay: false, muted: true, controls: false, protocol: 'hls' });
    expect(parseParameters('?protocol=carrier-pigeon').protocol).toBeNull();
  });
});

describe('parseSource', () => {
  const base = 'https://example.org/page/';

  it('takes the address of the stream, of its page, and of its player', () => {
    const stream = { app: 'live', name: 'a' };
    for (const path of ['live/a', 'watch/live/a', 'embed/live/a?muted=1']) {
      expect(parseSource(`https://host:8443/${path}`, base)).toEqual({ origin: 'https://host:8443', stream });
    }
    expect(parseSource('/live/a?token=t', base)).toEqual({ origin: 'https://example.org', stream: { ...stream, token: 't' } });
  });

  it('takes nothing that names no stream', () => {
    for (const src of [null, '', 'https://host/', 'https://host/live', 'https://']) expect(parseSource(src, base)).toBeNull();
  });
});

describe('commandOf', () => {
  const press = (key: string, focused = 'BODY', ctrlKey = false) => commandOf({ key, ctrlKey, metaKey: false, altKey: false }, focused);

  it('knows its keys in either case, and none with others', () => {
    expect([press('k'), press('M'), press('End'), press('ArrowLeft'), press('x'), press('k', 'BODY', true)]).toEqual(['play', 'mute', 'live', 'back', null, null]);
  });

  it('leaves an element the keys that it has a use for', () => {
    expect([press(' ', 'BUTTON'), press('m', 'BUTTON'), press('m', 'INPUT'), press('ArrowUp', 'SELECT')]).toEqual([null, 'mute', null, null]);
  });
});

it('a row of a code is made of squares', () => {
  expect(rowPath(1, 3, (x) => x !== 1)).toBe('M4 5h1v1h-1zM6 5h1v1h-1z');
});
