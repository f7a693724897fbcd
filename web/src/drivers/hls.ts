import Hls, { ErrorTypes, Events } from 'hls.js';
import workerPath from 'hls.js/dist/hls.worker.js?url';
import { follow, FOLLOWER_SETTINGS } from '../../player/follow.js';
import { announcedCodec, type Driver, type DriverContext } from '../../player/page/drivers.js';
import { play } from '../../player/play.js';
import { CompletePictures, OpusByName, PromptAudio } from './hls-mends.js';

/** Media errors that hls.js may mend by itself before a fresh attempt is made. */
const MAX_RECOVERIES = 2;

/** By itself hls.js plays faster only while there is more than a second in its buffer, which is near enough with parts of ordinary length. */
const MAX_RATE = 1.05;
/** With parts shorter than this it is led: somebody asked for less latency than that. */
const SHORT_PART_S = 0.25;
/** One that has stood still for so long, though its publisher is there and there are so many seconds of newer media, has lost its way. */
const STUCK_MS = 5000;
const STUCK_BEHIND_S = 2;
const STUCK_LOOK_MS = 250;

/** Plays HLS by hls.js, with low latency where the playlist offers it. */
export function open({ video, url, poll, report }: DriverContext): Driver {
  // The worker is a file of this origin: the default one is a blob, which a strict content security policy forbids.
  // No `backBufferLength`: at each such flush hls.js 1.7.4 may forget parts that it has just buffered, and then load no more of that track
  // for seconds. Without it browsers make room by themselves.
  const hls = new Hls({
    workerPath,
    streamController: CompletePictures,
    audioStreamController: PromptAudio,
    bufferController: OpusByName,
    maxLiveSyncPlaybackRate: MAX_RATE,
  });
  let recoveries = 0;
  hls.on(Events.ERROR, (_, { type, details, fatal, error }) => {
    const message = `${details}: ${error.message}`;
    if (fatal && type === ErrorTypes.MEDIA_ERROR && recoveries < MAX_RECOVERIES) {
      recoveries += 1;
      report({ message, fatal: false });
      hls.recoverMediaError();
      return;
    }
    report({ message, fatal, retry: true });
  });
  let stopLeading: (() => void) | null = null;
  hls.on(Events.LEVEL_LOADED, (_, { details }) => {
    if (stopLeading !== null || details.partTarget === 0 || details.partTarget >= SHORT_PART_S) return;
    hls.config.maxLiveSyncPlaybackRate = 1;
    stopLeading = follow(video);
  });
  const stopWatching = whenStuck(hls, video, poll, () => report({ message: 'hls.js loads no more', fatal: true, retry: true }));
  hls.on(Events.MANIFEST_PARSED, () => play(video));
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
    get settings() {
      return stopLeading === null ? { maxLiveSyncPlaybackRate: MAX_RATE } : { follower: FOLLOWER_SETTINGS };
    },
    latencyMs: () => {
      const [now, shown] = [poll.clock.now(), hls.playingDate];
      if (now !== null && shown !== null) return Math.max(0, now - shown.getTime());
      return hls.latency > 0 ? hls.latency * 1000 : null;
    },
    codec: () => {
      const level = hls.levels[hls.currentLevel];
      return [level?.videoCodec, level?.audioCodec].filter(Boolean).join(', ') || announcedCodec(poll);
    },
    destroy: () => {
      stopLeading?.();
      stopWatching();
      hls.destroy();
      video.removeAttribute('src');
      video.load();
    },
  };
}

/** Watches for a hls.js that takes parts for buffered that are not. */
function whenStuck(hls: Hls, video: HTMLVideoElement, poll: DriverContext['poll'], tell: () => void): () => void {
  let stoodSince = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const behind = (hls.latestLevelDetails?.edge ?? 0) - video.currentTime;
    const plays = video.paused || video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    if (plays || poll.info?.state !== 'live' || behind < STUCK_BEHIND_S) stoodSince = now;
    if (now - stoodSince > STUCK_MS) tell();
  }, STUCK_LOOK_MS);
  return () => clearInterval(timer);
}
