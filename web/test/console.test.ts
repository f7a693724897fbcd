import { describe, expect, it } from 'vitest';
import { placesOf } from '../src/console/chart';
import { serverAddress } from '../src/console/hint';
import { History } from '../src/console/history';
import { bitRate, encoderName } from '../src/common/numbers';
import { SseReader } from '../src/console/sse';
import type { Point, StreamStatus } from '../src/console/status';

describe('SseReader', () => {
  it('joins events that come in pieces', () => {
    const reader = new SseReader();
    expect(reader.push('event: streams\nda')).toEqual([]);
    expect(reader.push('ta: {"a":1}\n\nevent: history\r\ndata: x\r\ndata:y\r\n\r\n: nothing\n\n')).toEqual([
      { name: 'streams', data: '{"a":1}' },
      { name: 'history', data: 'x\ny' },
    ]);
  });
});

function status(name: string, seconds: number, kbps: number): StreamStatus {
  const figures = { in_bit_rate: kbps * 1000, out_bit_rate: null, frame_rate: 30, keyframe_ms: 2000, b_frames: false, av_drift_ms: 0, speed: 1 };
  const told = { app: 'live', name, server_time_ms: seconds * 1000, figures, viewers: { hls: 2, dash: 1 } };
  return told as unknown as StreamStatus;
}

describe('History', () => {
  const past: Point[] = [[100, 1, 0, 30, 2000, 0], [101, 2, 0, 30, 2000, 0]];

  it('goes on from what the gateway remembers', () => {
    const history = new History();
    history.begin({ 'live/a': [...past] });
    history.add([status('a', 101, 9)]);
    history.add([status('a', 102, 3)]);
    expect(history.of(status('a', 0, 0))).toEqual([...past, [102, 3, 0, 30, 2000, 3]]);
  });

  it('forgets what is too old, and streams that are no more', () => {
    const history = new History();
    history.begin({ 'live/a': [...past], 'live/b': [...past] });
    history.add([status('a', 401, 3)]);
    expect(history.of(status('a', 0, 0)).map(([at]) => at)).toEqual([101, 401]);
    expect(history.of(status('b', 0, 0))).toEqual([]);
  });
});

describe('placesOf', () => {
  it('puts the newest to the right and the highest to the top', () => {
    expect(placesOf([[0, 0], [150, 10], [300, 5]])).toEqual([[0, 34], [80, 2], [160, 18]]);
    expect(placesOf([])).toEqual([]);
    expect(placesOf([[270, 1], [300, 1]]).map(([x]) => x)).toEqual([80, 160]);
  });
});

it('addresses leave the usual port out', () => {
  expect(serverAddress({ rtmp: 1935, rtmps: null, app: 'live', key: false }, 'host')).toBe('rtmp://host/live');
  expect(serverAddress({ rtmp: 1936, rtmps: null, app: 'a/b', key: false }, 'host')).toBe('rtmp://host:1936/a/b');
});

it('encoders are called what people call them', () => {
  expect(encoderName('obs-output module (libobs version 30.2.3)')).toBe('OBS Studio 30.2.3');
  expect([encoderName('Lavf61.7.100'), encoderName('Wirecast'), encoderName(null)]).toEqual(['FFmpeg (Lavf61.7.100)', 'Wirecast', 'An encoder without a name']);
});

it('bit rates have the unit that is read best', () => {
  expect([null, 950, 64_000, 2_450_000, 3.21e9].map(bitRate)).toEqual(['–', '1 kb/s', '64 kb/s', '2.5 Mb/s', '3.21 Gb/s']);
});
