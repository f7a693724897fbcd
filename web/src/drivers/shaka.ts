import shaka from 'shaka-player/dist/shaka-player.compiled-es2021.js';
import { follow, FOLLOWER_SETTINGS } from '../../player/follow.js';
import { announcedCodec, type Driver, type DriverContext } from '../../player/page/drivers.js';
import { play } from '../../player/play.js';
import { mediaSourceClass } from '../../player/session.js';
import { leaveUndecodable, type MpdNode } from './shaka-mends.js';

/** Delay before Shaka looks again for a segment that it could not have. */
const RETRY_S = 1;

/**
 * How far behind the clock DASH begins: within what has come of the segment in progress. By itself Shaka begins where the first bytes of a
 * segment may be asked for, ahead of the clock, and then waits up to a segment for a picture.
 */
const BEGIN_BEHIND_S = 0.8;

/**
 * Shaka 5.2.12 takes the codecs of HLS from the multivariant playlist, which it reads once. Where others come, this tells it by the init
 * segment's type, before it appends that, and has it ask again: then it first tells the source buffer. What the browser does not decode is
 * reported instead.
 */
function followCodecs(player: shaka.Player, undecodable: () => void): void {
  const { AdvancedRequestType } = shaka.net.NetworkingEngine;
  const { Severity, Category, Code } = shaka.util.Error;
  player.getNetworkingEngine()?.registerResponseFilter((_, { headers }, context) => {
    const type = headers['content-type'] ?? '';
    const codecs = /codecs="([^"]*)"/.exec(type)?.[1];
    const stream = context?.type === AdvancedRequestType.INIT_SEGMENT ? context.stream : undefined;
    if (codecs === undefined || !stream) return;
    if (!isDecoded(type)) undecodable();
    else if (family(stream.codecs) === family(codecs)) return;
    else stream.codecs = codecs;
    throw new shaka.util.Error(Severity.RECOVERABLE, Category.PLAYER, Code.OPERATION_ABORTED);
  });
}

function isDecoded(type: string): boolean {
  return mediaSourceClass()?.isTypeSupported(type) === true;
}

/** What a source buffer must be told, without the profile and the level. */
function family(codecs: string): string | undefined {
  return codecs.split('.')[0]?.toLowerCase();
}

/** Plays HLS or DASH by Shaka. */
export async function open({ video, url, poll, report }: DriverContext): Promise<Driver> {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  const isDash = new URL(url, location.href).pathname.endsWith('.mpd');
  const { Category, Code, Severity } = shaka.util.Error;
  let loaded = false;
  let isSilent = false;
  const anew = (message: string) => report({ message, fatal: true, retry: true });
  const undecodable = () => anew('this browser does not decode what the encoder sends now');
  player.addEventListener('error', (event) => {
    const { code, category, severity, data } = (event as unknown as { detail: shaka.util.Error }).detail;
    // The library calls these critical when it tells of them, and only then asks whether to go on.
    const goesOn = loaded && category === Category.NETWORK;
    // What the browser says of media tells more than a number; of the network it would tell addresses.
    const words = category === Category.MEDIA ? data.filter((each: unknown) => typeof each === 'string').map((each: string) => `: ${each}`).join('') : '';
    report({ message: `Shaka error ${code} in category ${category}${words}`, fatal: severity === Severity.CRITICAL && !goesOn, retry: true });
  });
  player.configure({
    streaming: {
      bufferBehind: 30,
      // What is fetched ahead would be asked for again without an end, see `followCodecs`. It brings nothing where parts are held.
      disableAudioPrefetch: !isDash,
      disableVideoPrefetch: !isDash,
      // Without this, Shaka gives up for good when a playlist ends with a gap (EXT-X-GAP): while the publisher is away.
      failureCallback: (error: shaka.util.Error) => {
        if (error.category === Category.NETWORK) player.retryStreaming(RETRY_S);
      },
    },
    manifest: {
      // Otherwise Shaka places each part by itself, and where it has to move media to an earlier time, it takes its own allowance of a
      // millisecond for a change: it aborts before each part, and browsers drop all that does not begin with a keyframe.
      hls: { sequenceMode: true },
      dash: {
        clockSyncUri: new URL('/time', location.href).href,
        // By the manifest's service description Shaka would change the rate itself, against its own idea of the live edge.
        manifestPreprocessorTXml: (mpd: MpdNode) => {
          mpd.children = mpd.children.filter((child) => typeof child === 'string' || child.tagName !== 'ServiceDescription');
          const wasSilent = isSilent;
          isSilent = leaveUndecodable(mpd, isDecoded);
          // What plays goes on with the tracks that it began with.
          if (!loaded || isSilent === wasSilent) return;
          if (isSilent) undecodable();
          else anew('there is sound again');
        },
      },
    },
  });
  await player.attach(video);
  if (!isDash) followCodecs(player, undecodable);
  const load = () => {
    // Zero of the manifest's times is the Unix epoch. Where the stream is listed by whole segments only, Shaka takes the last place that is.
    const clock = poll.clock.now();
    return player.load(url, isDash && clock !== null ? clock / 1000 - BEGIN_BEHIND_S : undefined);
  };
  try {
    await load().catch((error: unknown) => {
      if ((error as { code?: number }).code !== Code.CONTENT_UNSUPPORTED_BY_BROWSER) throw error;
      // Shaka leaves aside what has no sound as long as something has, even if it can play none of that: MP3 and AC-3 in Chromium.
      player.configure('manifest.disableAudio', true);
      return load();
    });
    loaded = true;
  } catch (error) {
    await player.destroy();
    throw error instanceof Error ? error : new Error(`Shaka error ${(error as { code?: number }).code ?? error}`);
  }
  play(video);
  // Whole segments come as late as the list that tells of them is renewed, and so at no steady distance: Shaka keeps to its delay.
  const isLed = player.getManifest()?.isLowLatency === true;
  const stop = isLed ? follow(video) : () => {};
  return {
    settings: { bufferBehind: 30, ...(isLed && { follower: FOLLOWER_SETTINGS }) },
    latencyMs: () => {
      // Our manifests count from the Unix epoch, so that in DASH the element's time is the wall clock; Shaka adds it to the first
      // `ProducerReferenceTime`.
      const [now, shown] = [poll.clock.now(), isDash ? video.currentTime * 1000 : player.getPlayheadTimeAsDate()?.getTime()];
      return now === null || shown === undefined || video.readyState === HTMLMediaElement.HAVE_NOTHING ? null : Math.max(0, now - shown);
    },
    window: () => {
      const { start, end } = player.seekRange();
      return end > start ? { start, end } : null;
    },
    codec: () => {
      const active = player.getVariantTracks().find((track) => track.active);
      return [active?.videoCodec, active?.audioCodec].filter(Boolean).join(', ') || announcedCodec(poll);
    },
    destroy: async () => {
      stop();
      await player.destroy();
      video.removeAttribute('src');
      video.load();
    },
  };
}
