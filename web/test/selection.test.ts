import { expect, it } from 'vitest';
import type { StreamInfo } from '../player/page/info.js';
import { selectedUrl } from '../player/page/selection.js';

const RUNG = { label: '480p', id: 'v16', codec: 'avc1.4d401f', width: 854, height: 480, bit_rate: 1_000_000 };
const INFO = { renditions: [RUNG] } as unknown as StreamInfo;

it('names a rung where the exit is one stream, and a track where it is a list', () => {
  const of = (exit: 'ws_fmp4' | 'hls') => selectedUrl('http://host/live/show?token=x', exit, INFO, { video: 'v16', audio: 'a1' });
  expect(of('ws_fmp4')).toBe('http://host/live/show?token=x&rendition=480p&track=a1');
  expect(of('hls')).toBe('http://host/live/show?token=x&track=v16%2Ca1');
});

it('leaves an address alone where nothing is selected', () => {
  expect(selectedUrl('http://host/live/show', 'ws_fmp4', INFO, {})).toBe('http://host/live/show');
});
