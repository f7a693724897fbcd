import mpegts from 'mpegts.js';
import { Chaser } from '../../player/chaser.js';
import { announcedCodec, edgeLatencyMs, type Driver, type DriverContext } from '../../player/page/drivers.js';
import { play } from '../../player/play.js';

/** The library's buffer needs a little more than our own player's: it appends in larger pieces. */
const TARGET_S = 0.38;

/** Plays FLV over HTTP or a WebSocket by mpegts.js. */
export function open({ video, url, poll, report }: DriverContext): Driver {
  mpegts.LoggingControl.applyConfig({ enableVerbose: false, enableInfo: false, enableDebug: false, enableWarn: false });
  const player = mpegts.createPlayer(
    { type: 'flv', isLive: true, url },
    {
      isLive: true,
      enableStashBuffer: false,
      lazyLoad: false,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 30,
      autoCleanupMinBackwardDuration: 10,
    },
  );
  player.on(mpegts.Events.ERROR, (type: string, detail: string, info: { msg?: string } | undefined) => {
    report({ message: `${type}: ${detail}${info?.msg === undefined ? '' : ` (${info.msg})`}`, fatal: true, retry: true });
  });
  player.on(mpegts.Events.LOADING_COMPLETE, () => report({ message: 'the stream ended', fatal: true, retry: true }));
  player.attachMediaElement(video);
  player.load();
  // Live latency by the same policy as our own player, which also crosses gaps; the library's own chasing stays off.
  const chaser = new Chaser(video, TARGET_S);
  play(video);
  return {
    latencyMs: () => edgeLatencyMs(video),
    latencyFrom: 'buffer',
    codec: () => {
      const { videoCodec, audioCodec } = player.mediaInfo as { videoCodec?: string; audioCodec?: string };
      return [videoCodec, audioCodec].filter(Boolean).join(', ') || announcedCodec(poll);
    },
    destroy: () => {
      chaser.stop();
      player.destroy();
      video.removeAttribute('src');
      video.load();
    },
  };
}
