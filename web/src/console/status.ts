import type { StreamInfo } from '../../player/page/info.js';

/** How a stream does, in numbers; what is not known is null. */
export interface Figures {
  in_bit_rate: number | null;
  out_bit_rate: number | null;
  frame_rate: number | null;
  keyframe_ms: number | null;
  b_frames: boolean;
  av_drift_ms: number | null;
  speed: number | null;
}

/** What is not as it should be, and what to do about it. */
export interface Warning {
  code: string;
  text: string;
  advice: string;
}

/** One stream, as its operator sees it. */
export interface StreamStatus extends StreamInfo {
  publisher: { address: string; protocol: string; encoder: string | null } | null;
  viewers: Record<string, number>;
  figures: Figures;
  warnings: Warning[];
  keyframe: number | null;
}

/** Where to publish. */
export interface Entrance {
  rtmp: number;
  rtmps: number | null;
  app: string;
  key: boolean;
}

export interface Streams {
  streams: StreamStatus[];
  publish: Entrance;
}

/** What charts show of a moment: Unix seconds, kilobits per second in and out, pictures per second, milliseconds between keyframes, viewers. */
export type Point = readonly [at: number, inKbps: number, outKbps: number, frameRate: number, keyframeMs: number, viewers: number];

export function nameOf(stream: { app: string; name: string }): string {
  return `${stream.app}/${stream.name}`;
}

export function viewersOf(stream: StreamStatus): number {
  return Object.values(stream.viewers).reduce((sum, count) => sum + count, 0);
}

/** What people call the exits. */
export const EXITS: Record<string, string> = {
  hls: 'HLS', dash: 'DASH', http_flv: 'HTTP-FLV', ws_flv: 'WS-FLV', ws_fmp4: 'WS-fMP4', http_fmp4: 'HTTP-fMP4', rtmp: 'RTMP',
};
