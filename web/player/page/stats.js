import { bufferedAheadMs } from '../chaser.js';

/**
 * @typedef {object} Stats what pages and automated tests read
 * @property {number} currentTime seconds
 * @property {number} buffered_ms ahead of the playhead
 * @property {number | null} latency_ms
 * @property {number} stalls since the protocol was chosen
 * @property {number} stalled_ms
 * @property {number} dropped pictures
 * @property {number} decoded pictures
 * @property {number} width
 * @property {number} height
 * @property {string | null} codec
 * @property {import('../mse.js').Problem[]} errors since the protocol was chosen; a fatal one ended an attempt, after which there may have
 * been another
 * @property {boolean} fatal whether the player has stopped for good
 */

/**
 * What can be measured of a player now.
 *
 * @param {{video: HTMLVideoElement, driver: import('./drivers.js').Driver | null, stalls: import('./stalls.js').Stalls}} of
 * @returns {Omit<Stats, 'errors' | 'fatal'>}
 */
export function readStats({ video, driver, stalls }) {
  const quality = video.getVideoPlaybackQuality();
  const latency = video.readyState > 0 ? (driver?.latencyMs() ?? null) : null;
  return {
    currentTime: video.currentTime,
    stalls: stalls.count,
    stalled_ms: Math.round(stalls.totalMs),
    buffered_ms: bufferedAheadMs(video),
    latency_ms: latency === null || !Number.isFinite(latency) ? null : Math.round(latency),
    dropped: quality.droppedVideoFrames,
    decoded: quality.totalVideoFrames,
    width: video.videoWidth,
    height: video.videoHeight,
    codec: driver?.codec() ?? null,
  };
}
