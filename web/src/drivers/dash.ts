import { MediaPlayer, type ErrorEvent } from 'dashjs';
import { announcedCodec, type Driver, type DriverContext } from '../../player/page/drivers.js';

/** Plays DASH by dash.js. */
export function open({ video, url, poll, report }: DriverContext): Driver {
  const player = MediaPlayer().create();
  player.updateSettings({
    streaming: {
      // Without a UTCTiming in the manifest the library would ask a stranger's clock.
      utcSynchronization: { defaultTimingSource: { scheme: 'urn:mpeg:dash:utc:http-xsdate:2014', value: new URL('/time', location.href).href } },
      // By its clock alone, dash.js begins a stream younger than its delay exactly where the seekable range begins, which Chromium
      // already gives as the position: then dash.js leaves out the first seek and never starts. By the segments it begins a little later.
      timeShiftBuffer: { calcFromSegmentTimeline: true },
      buffer: { bufferToKeep: 20, bufferPruningInterval: 10 },
    },
  });
  player.on(MediaPlayer.events.ERROR, (event: ErrorEvent) => {
    const { error } = event;
    const message = typeof error === 'string' ? error : `${error.code}: ${error.message}`;
    report({ message, fatal: true, retry: true });
  });
  player.on(MediaPlayer.events.PLAYBACK_ENDED, () => report({ message: 'the stream ended', fatal: true, retry: true }));
  player.initialize(video, url, true);
  return {
    latencyMs: () => {
      const seconds = player.isReady() ? player.getCurrentLiveLatency() : NaN;
      return Number.isFinite(seconds) ? seconds * 1000 : null;
    },
    codec: () => {
      const codecs = player.isReady()
        ? (['video', 'audio'] as const).flatMap((kind) => player.getCurrentTrackFor(kind)?.codec ?? [])
        : [];
      const names = codecs.map((codec) => /codecs="([^"]*)"/.exec(codec)?.[1] ?? codec);
      return names.length > 0 ? names.join(', ') : announcedCodec(poll);
    },
    destroy: () => {
      player.destroy();
      video.removeAttribute('src');
      video.load();
    },
  };
}
