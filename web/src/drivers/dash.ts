import { MediaPlayer, type ErrorEvent, type ManifestLoadedEvent } from 'dashjs';
import { announcedCodec, type Driver, type DriverContext } from '../../player/page/drivers.js';

/** A seek to the live edge has succeeded within this time, or it is tried once more. */
const SEEK_AGAIN_MS = 5000;

/** What is read of a manifest. */
interface Manifest {
  Period: { id?: string }[];
}

/** A stream whose beginning moved by more than this was begun anew. */
const RESTART_MS = 1000;

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
  // Also told at the end of a period, while the publisher is away.
  let ended = false;
  player.on(MediaPlayer.events.PLAYBACK_ENDED, () => {
    ended = true;
    poll.hurry();
  });
  player.on(MediaPlayer.events.PLAYBACK_PLAYING, () => { ended = false; });
  // After a restart of the gateway the manifest holds other periods, to which dash.js does not find its way from the one it was in.
  const beganMs = () => (poll.info === null ? null : poll.info.server_time_ms - poll.info.uptime_ms);
  const began = beganMs();
  const informed = () => {
    if (ended && poll.presence === 'absent') report({ message: 'the stream ended', fatal: true, retry: true });
    const now = beganMs();
    if (began !== null && now !== null && Math.abs(now - began) > RESTART_MS) {
      report({ message: 'the stream was begun anew', fatal: true, retry: true });
    }
  };
  poll.addEventListener('change', informed);
  // At low latency dash.js reads a segment that is still being made. When the publisher is lost, that becomes shorter than it was announced,
  // and dash.js 5.2.1 then waits for the rest of it for ever, instead of going on in the next period.
  let stalled = false;
  let soughtMs = -Infinity;
  let [playing, newest]: (string | undefined)[] = [];
  const stop = new AbortController();
  video.addEventListener('waiting', () => { stalled = true; }, { signal: stop.signal });
  video.addEventListener('playing', () => { [stalled, playing] = [false, newest]; }, { signal: stop.signal });
  player.on(MediaPlayer.events.MANIFEST_LOADED, (event: ManifestLoadedEvent) => {
    newest = (event.data as Manifest).Period.at(-1)?.id;
    if (stalled && playing !== undefined && newest !== playing && performance.now() - soughtMs > SEEK_AGAIN_MS) {
      soughtMs = performance.now();
      player.seekToOriginalLive();
    }
  });
  player.initialize(video, url, true);
  return {
    rejoin: () => {
      soughtMs = performance.now();
      player.seekToOriginalLive();
    },
    latencyMs: () => {
      const seconds = player.isReady() ? player.getCurrentLiveLatency() : NaN;
      return Number.isFinite(seconds) ? seconds * 1000 : null;
    },
    // Told by the element alone, dash.js would take a viewer who goes back for one who is late, and return to the live edge at once.
    seek: (time) => player.seekToPresentationTime(time),
    goLive: () => player.seekToOriginalLive(),
    codec: () => {
      const codecs = player.isReady()
        ? (['video', 'audio'] as const).flatMap((kind) => player.getCurrentTrackFor(kind)?.codec ?? [])
        : [];
      const names = codecs.map((codec) => /codecs="([^"]*)"/.exec(codec)?.[1] ?? codec);
      return names.length > 0 ? names.join(', ') : announcedCodec(poll);
    },
    destroy: () => {
      poll.removeEventListener('change', informed);
      stop.abort();
      // What dash.js 5.2.1 has put off until the element can play, it would do to no element, and throw each time.
      video.dispatchEvent(new Event('canplay'));
      player.destroy();
      video.playbackRate = 1;
      video.removeAttribute('src');
      video.load();
    },
  };
}
