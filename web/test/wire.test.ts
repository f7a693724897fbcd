import { describe, expect, it } from 'vitest';
import { playableMime, sameShape, WireError, WireReader } from '../player/wire.js';

const init = JSON.stringify({
  type: 'init',
  mime: 'video/mp4; codecs="avc1.64001f,mp4a.40.2"',
  tracks: [{ id: 'v0', kind: 'video', codec: 'avc1.64001f' }, { id: 'a0', kind: 'audio', codec: 'mp4a.40.2' }],
  base_ms: 450_000_123,
  why: 'joined',
});
const binary = (...values: number[]) => new Uint8Array(values).buffer;

describe('the WebSocket protocol', () => {
  it('pairs an announcement with the next binary frame, then reads fragments', () => {
    const reader = new WireReader();
    expect(reader.read(init)).toEqual({ kind: 'nothing' });
    expect(reader.read(binary(1))).toMatchObject({ kind: 'init', announcement: { baseMs: 450_000_123, why: 'joined' }, bytes: new Uint8Array([1]) });
    expect(reader.read(binary(2))).toEqual({ kind: 'fragment', bytes: new Uint8Array([2]) });
    expect(reader.read('{"type":"drop","entries":3}')).toEqual({ kind: 'drop' });
    expect(reader.read('{"type":"later"}')).toEqual({ kind: 'nothing' });
    reader.read(init);
    expect(reader.read(binary(3)).kind).toBe('init');
  });

  it.each([['no JSON', '{'], ['no object', '[]'], ['no type', '{"type":"init"}'], ['null', 'null']])('refuses a text frame with %s', (_, text) => {
    expect(() => new WireReader().read(text)).toThrow(WireError);
  });

  it('refuses media before an announcement', () => {
    expect(() => new WireReader().read(binary(1))).toThrow(WireError);
  });

  it('leaves out tracks that it cannot read', () => {
    const reader = new WireReader();
    reader.read('{"type":"init","mime":"m","tracks":[null,{"id":"v0"},{"id":"v0","kind":"video","codec":"avc1"}]}');
    expect(reader.read(binary())).toMatchObject({ announcement: { tracks: [{ id: 'v0' }], baseMs: 0 } });
  });
});

it('keeps a SourceBuffer as long as the kinds of tracks are the same', () => {
  const video = { id: 'v0', kind: 'video', codec: 'avc1.64001f' };
  const audio = { id: 'a0', kind: 'audio', codec: 'mp4a.40.2' };
  expect(sameShape([video, audio], [audio, { ...video, codec: 'avc1.4d401f' }])).toBe(true);
  expect(sameShape([video, audio], [video])).toBe(false);
});

it('finds the spelling of a codec that the browser knows', () => {
  expect(playableMime('video/mp4; codecs="avc1.64001f,Opus"', (mime) => mime.includes('opus'))).toBe('video/mp4; codecs="avc1.64001f,opus"');
  expect(playableMime('audio/mp4; codecs="flac"', (mime) => mime.includes('fLaC'))).toBe('audio/mp4; codecs="fLaC"');
  expect(playableMime('video/mp4; codecs="vvc1"', () => false)).toBeNull();
});
