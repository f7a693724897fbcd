import shaka from 'shaka-player/dist/shaka-player.compiled-es2021.js';
import { announcedCodec, play, type Driver, type DriverContext } from '../../player/page/drivers.js';

/** Plays HLS or DASH by Shaka. */
export async function open({ video, url, poll, report }: DriverContext): Promise<Driver> {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener('error', (event) => {
    const { code, category, severity } = (event as unknown as { detail: shaka.util.Error }).detail;
    report({ message: `Shaka error ${code} in category ${category}`, fatal: severity === shaka.util.Error.Severity.CRITICAL, retry: true });
  });
  player.configure({ streaming: { bufferBehind: 30 }, manifest: { dash: { clockSyncUri: new URL('/time', location.href).href } } });
  await player.attach(video);
  try {
    await player.load(url);
  } catch (error) {
    await player.destroy();
    throw error instanceof Error ? error : new Error(`Shaka error ${(error as { code?: number }).code ?? error}`);
  }
  play(video);
  return {
    latencyMs: () => {
      const [now, shown] = [poll.clock.now(), player.getPlayheadTimeAsDate()];
      return now === null || shown === null ? null : Math.max(0, now - shown.getTime());
    },
    codec: () => {
      const active = player.getVariantTracks().find((track) => track.active);
      return [active?.videoCodec, active?.audioCodec].filter(Boolean).join(', ') || announcedCodec(poll);
    },
    destroy: async () => {
      await player.destroy();
      video.removeAttribute('src');
      video.load();
    },
  };
}
