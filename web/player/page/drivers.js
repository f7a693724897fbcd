import { bufferedRanges } from '../chaser.js';
import { latencyMs } from '../latency.js';
import { MsePlayer } from '../mse.js';
import { play } from '../play.js';
import { mediaSourceClass } from '../session.js';

/**
 * @typedef {object} DriverContext what a driver gets to work with
 * @property {HTMLVideoElement} video
 * @property {import('../address.js').StreamName} stream
 * @property {string} url address of the exit that it reads
 * @property {(picture: string | null) => string} address the same as of now, with that picture where the viewer left the choice to us
 * @property {() => string | null} picked the picture that the viewer chose
 * @property {string} infoUrl address of the stream's description
 * @property {import('./info.js').InfoPoll} poll
 * @property {(problem: import('../mse.js').Problem & {retry?: boolean}) => void} report a fatal problem ends the driver; `retry` says
 * that a new attempt may work
 * @property {(state: string) => void} setState words for the status line
 *
 * @typedef {object} Driver one playing attempt
 * @property {object} [settings] by which its library keeps near the live edge, where they are not the library's own
 * @property {() => number | null} latencyMs
 * @property {'buffer'} [latencyFrom] only what is in the buffer: nothing that comes by it tells the wall clock. Else it is the time since the
 * gateway received what is shown
 * @property {() => string | null} codec
 * @property {() => void} [rejoin] leads it to the live edge, from where it has come to a stand
 * @property {() => {start: number, end: number} | null} [window] the stretch of time that a viewer can go to, seconds of the element, where the
 * element itself does not tell
 * @property {(time: number) => void} [seek] goes to that place, seconds of the element, where the player must be told
 * @property {() => void} [goLive] goes to its own place at the live edge
 * @property {() => void} [select] goes over to what the viewer has chosen by now; without it a new attempt does
 * @property {() => string | null} [picture] the one that was chosen by the line's throughput; null for the one that the gateway takes
 * @property {() => void | Promise<void>} destroy leaves the element without a source
 *
 * @typedef {object} DriverEntry
 * @property {() => boolean} isSupported whether this browser can do it
 * @property {(context: DriverContext) => Promise<Driver>} open
 *
 * @typedef {Partial<Record<import('../address.js').ProtocolId, DriverEntry>>} Drivers
 */

/** @type {Record<import('../mse.js').PlayerState, string>} */
const STATE_WORDS = {
  connecting: 'Connecting…',
  playing: 'Playing',
  waiting: 'Waiting for the stream…',
  suspended: 'Paused; press play to go on live',
  offline: 'This stream is not live. It plays here as soon as it begins.',
  failed: 'Stopped',
};

/** @type {DriverEntry} */
const wsFmp4 = {
  isSupported: () => MsePlayer.isSupported(),
  async open({ video, address, picked, infoUrl, poll, report, setState }) {
    const ageMs = (/** @type {number | null} */ mediaMs) => latencyMs(poll.clock.now(), poll.info?.wall_clock, mediaMs);
    /** @type {{of: unknown, pictures: import('../rungs.js').Picture[]}} */
    let known = { of: null, pictures: [] };
    const pictures = () => {
      if (known.of !== poll.info) known = { of: poll.info, pictures: picturesOf(poll) };
      return picked() === null ? known.pictures : [];
    };
    const player = new MsePlayer(video, {
      address,
      infoUrl,
      ageMs,
      pictures,
      serverMs: async () => {
        await poll.ask();
        return poll.info?.wall_clock?.media_ms ?? null;
      },
    });
    player.addEventListener('state', () => setState(STATE_WORDS[player.state]));
    player.addEventListener('problem', (event) => report(/** @type {CustomEvent<import('../mse.js').Problem>} */ (event).detail));
    // A break moves the stream's timeline against the wall clock.
    player.addEventListener('tracks', () => void poll.ask());
    player.start();
    return {
      latencyMs: () => ageMs(player.mediaMs),
      select: () => player.choose(),
      picture: () => player.picture,
      codec: () => player.tracks.map((track) => track.codec).join(', ') || null,
      destroy: () => player.destroy(),
    };
  },
};

/**
 * What the stream has for lines of different throughput: what its encoder sends, and the rungs that the gateway makes, as far as this
 * browser plays them; the best first.
 *
 * @param {import('./info.js').InfoPoll} poll
 * @returns {import('../rungs.js').Picture[]}
 */
function picturesOf({ info }) {
  const sound = info?.tracks.find(({ kind }) => kind === 'audio')?.bit_rate ?? 0;
  const sent = (info?.tracks ?? []).filter(({ kind }) => kind === 'video').map((track, at) => ({ ...track, id: at === 0 ? null : track.id }));
  const made = (info?.renditions ?? []).filter(({ shed }) => !shed).map((rung) => ({ ...rung, isMade: true }));
  const found = [...sent, ...made].flatMap(({ codec, width = 0, height = 0, bit_rate: bitRate, ...picture }) => {
    const isPlayed = mediaSourceClass()?.isTypeSupported(`video/mp4; codecs="${codec}"`);
    return isPlayed && bitRate !== undefined ? [{ ...picture, points: width * height, bitRate: bitRate + sound }] : [];
  });
  return found.sort((a, b) => b.points - a.points || b.bitRate - a.bitRate);
}

/** @type {DriverEntry} */
const nativeHls = {
  isSupported: () => document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '',
  async open(context) {
    const { video, poll } = context;
    const destroy = playPlain(context);
    return {
      latencyMs: () => {
        // Safari alone tells the wall clock of the element's time 0.
        const start = /** @type {{getStartDate?: () => Date}} */ (/** @type {unknown} */ (video)).getStartDate?.().getTime() ?? NaN;
        const now = poll.clock.now();
        return now === null || Number.isNaN(start) ? null : Math.max(0, now - (start + video.currentTime * 1000));
      },
      codec: () => announcedCodec(poll),
      destroy,
    };
  },
};

/** @type {DriverEntry} */
const httpMp4 = {
  isSupported: () => document.createElement('video').canPlayType('video/mp4; codecs="avc1.42E01E"') !== '',
  async open(context) {
    const destroy = playPlain(context);
    return {
      latencyMs: () => edgeLatencyMs(context.video),
      latencyFrom: 'buffer',
      codec: () => announcedCodec(context.poll),
      destroy,
    };
  },
};

/** What needs no library. @type {Drivers} */
export const builtInDrivers = { 'ws-fmp4': wsFmp4, 'native-hls': nativeHls, 'http-mp4': httpMp4 };

/**
 * Hands an address to the browser's own player.
 *
 * @param {DriverContext} context
 * @returns {() => void} ends it
 */
function playPlain({ video, url, report }) {
  const stop = new AbortController();
  video.addEventListener('error', () => {
    report({ message: video.error?.message || 'the browser could not play this', fatal: true, retry: true });
  }, { signal: stop.signal });
  video.addEventListener('ended', () => report({ message: 'the stream ended', fatal: true, retry: true }), { signal: stop.signal });
  video.src = url;
  play(video);
  return () => {
    stop.abort();
    video.removeAttribute('src');
    video.load();
  };
}

/**
 * The distance to the end of the buffer: what is left of the latency when a server sends each sample at once, the network's share apart.
 *
 * @param {HTMLVideoElement} video
 * @returns {number | null} milliseconds
 */
export function edgeLatencyMs(video) {
  const last = bufferedRanges(video).at(-1);
  return last === undefined ? null : Math.max(0, Math.round((last.end - video.currentTime) * 1000));
}

/** @param {import('./info.js').InfoPoll} poll */
export function announcedCodec(poll) {
  return poll.info?.tracks.map((track) => track.codec).join(', ') || null;
}
