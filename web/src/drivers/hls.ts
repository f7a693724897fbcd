import Hls, { ErrorTypes, Events } from 'hls.js';
import workerPath from 'hls.js/dist/hls.worker.js?url';
import { announcedCodec, play, type Driver, type DriverContext } from '../../player/page/drivers.js';

/** Media errors that hls.js may mend by itself before a fresh attempt is made. */
const MAX_RECOVERIES = 2;

/** Plays HLS by hls.js, with low latency where the playlist offers it. */
export function open({ video, url, poll, report }: DriverContext): Driver {
  // The worker is a file of this origin: the default one is a blob, which a strict content security policy forbids.
  // No `backBufferLength`: at each such flush hls.js 1.7.4 may forget parts that it has just buffered, and then load no more of that track
  // for seconds. Without it browsers make room by themselves.
  const hls = new Hls({ workerPath });
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
  hls.on(Events.MANIFEST_PARSED, () => play(video));
  hls.loadSource(url);
  hls.attachMedia(video);
  return {
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
      hls.destroy();
      video.removeAttribute('src');
      video.load();
    },
  };
}
