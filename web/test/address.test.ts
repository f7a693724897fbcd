import { describe, expect, it } from 'vitest';
import { exitUrl, findProtocol, infoPath, parseStreamName, parseWatchPath, watchPath } from '../player/address.js';

describe('the path of a watch page', () => {
  it.each([
    ['/watch/live/demo', { app: 'live', name: 'demo' }],
    ['/watch/a/b/demo', { app: 'a/b', name: 'demo' }],
    ['/watch/live/demo/', { app: 'live', name: 'demo' }],
    ['/watch/live/caf%C3%A9%20tv', { app: 'live', name: 'café tv' }],
  ])('%s names a stream', (path, stream) => {
    expect(parseWatchPath(path)).toEqual(stream);
  });

  it.each(['/watch/', '/watch/demo', '/watch/live', '/other/live/demo', '/watch/live/%E0%A4%A', '/watch/live/a%2Fb', '/watch/live/%2E%2E'])(
    '%s names none',
    (path) => {
      expect(parseWatchPath(path)).toBeNull();
    },
  );

  it('is made so that it reads back', () => {
    const stream = { app: 'a b/c?d', name: 'e#f%' };
    expect(parseWatchPath(new URL(watchPath(stream), 'http://x').pathname)).toEqual(stream);
    expect(watchPath({ app: 'live', name: 'demo' }, 'hls')).toBe('/watch/live/demo?protocol=hls');
  });
});

it('reads a stream as a person types it', () => {
  expect(parseStreamName(' /live/demo ')).toEqual({ app: 'live', name: 'demo' });
  expect(parseStreamName('demo')).toBeNull();
  expect(parseStreamName('live/../demo')).toBeNull();
});

it('asks for the description beside the exits', () => {
  expect(infoPath({ app: 'a/b', name: 'c d' })).toBe('/a/b/c%20d/info.json');
});

it('hands the token of the page on, and nothing else of its query', () => {
  const stream = parseWatchPath('/watch/live/demo', '?protocol=hls&token=a%2Bb');
  expect(stream).toEqual({ app: 'live', name: 'demo', token: 'a+b' });
  expect(infoPath({ app: 'live', name: 'demo', token: 'a+b' })).toBe('/live/demo/info.json?token=a%2Bb');
  expect(exitUrl('/live/demo/index.m3u8', 'http://h', false, 'a+b')).toBe('http://h/live/demo/index.m3u8?token=a%2Bb');
});

it('follows the page from http to ws and from https to wss', () => {
  expect(exitUrl('/live/demo.mp4', 'http://h:8080', true)).toBe('ws://h:8080/live/demo.mp4');
  expect(exitUrl('/live/demo.mp4', 'https://h', true)).toBe('wss://h/live/demo.mp4');
  expect(exitUrl('/live/demo.flv', 'https://h', false)).toBe('https://h/live/demo.flv');
});

it('knows protocols by their id only', () => {
  expect(findProtocol('ws-flv')?.exit).toBe('ws_flv');
  expect(findProtocol('rtsp')).toBeNull();
  expect(findProtocol(null)).toBeNull();
});
