// The libraries that play HLS and DASH, each by itself in an empty page with its own settings, as `window.ladder`.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How long a change may take to be seen: what is buffered, and the next segments. */
const CHANGE_MS = 30_000;
/** A picture that stands for so long at a change is a stall. */
const STALL_MS = 2_000;
/** By itself Shaka 5.2.12 may abort before each part of other pictures in HLS, and then stands still up to a keyframe. */
const SHAKA_HLS = { ignoreManifestTimestampsInSegmentsMode: true };

/** Each opens a player in the page as `window.ladder`: its levels by width, its sounds, how one of them is chosen, and how the choice is left to it. */
export const PLAYERS = {
  'hls.js': { script: 'hls.js/dist/hls.js', list: 'index.m3u8', open: openHls },
  'dash.js': { script: 'dashjs/dist/modern/umd/dash.all.debug.js', list: 'manifest.mpd', open: openDash },
  'Shaka, HLS': { script: 'shaka-player/dist/shaka-player.compiled-es2021.js', list: 'index.m3u8', open: openShaka },
  'Shaka, DASH': { script: 'shaka-player/dist/shaka-player.compiled-es2021.js', list: 'manifest.mpd', open: openShaka },
};

/** Puts the player into an empty page of that origin and lets it play what is below `address`. */
export async function openPlayer(page, { script, list, open }, address) {
  await page.goto(`${new URL(address).origin}/healthz`);
  await page.evaluate((hls) => {
    window.shakaHls = hls;
    document.body.innerHTML = '<video muted autoplay playsinline style="width:640px"></video>';
  }, SHAKA_HLS);
  const path = fileURLToPath(new URL(`../../web/node_modules/${script}`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${script} is not installed`);
  await page.addScriptTag({ path });
  await page.evaluate(open, `${address}/${list}`);
}

/**
 * Lets each width be chosen, up and down again, so that each is changed to and from: how long the picture stood at each change at most, in
 * milliseconds. Throws where that was a stall, or the browser could not decode what it got.
 */
export async function walk(page, widths) {
  await page.evaluate(watchForStalls);
  const stood = [];
  for (const width of [...widths, ...widths.toReversed().slice(1)]) {
    await page.evaluate((wanted) => window.ladder.choose(wanted), width);
    await untilSeen(page, width);
    stood.push(await page.evaluate(() => window.stoodMs()));
  }
  const error = await page.evaluate(() => document.querySelector('video').error?.message ?? null);
  if (error !== null) throw new Error(`the browser cannot decode it: ${error}`);
  if (stood.some((ms) => ms >= STALL_MS)) throw new Error(`the picture stood: ${stood.join(', ')} ms at the changes`);
  return stood;
}

/** In the page: `stoodMs()` tells the longest time for which the picture stood since it was asked last. */
export function watchForStalls() {
  let [last, since, longest] = [null, performance.now(), 0];
  setInterval(() => {
    const [{ currentTime }, now] = [document.querySelector('video'), performance.now()];
    if (currentTime !== last) [last, since] = [currentTime, now];
    else longest = Math.max(longest, now - since);
  }, 50);
  window.stoodMs = () => {
    const stood = Math.round(longest);
    longest = 0;
    return stood;
  };
}

/** Until pictures of that width, or any, are shown and go on for a second. */
export async function untilSeen(page, width) {
  await page.waitForFunction((wanted) => {
    const video = document.querySelector('video');
    return video.currentTime > 0 && !video.paused && (wanted === null || video.videoWidth === wanted);
  }, width, { timeout: CHANGE_MS, polling: 100 }).catch(async () => {
    const now = await page.evaluate(() => { const { videoWidth, currentTime, readyState } = document.querySelector('video'); return { videoWidth, currentTime, readyState }; });
    throw new Error(`pictures of ${width ?? 'any'} pixels do not come: ${JSON.stringify(now)}`);
  });
  const from = await page.evaluate(() => document.querySelector('video').currentTime);
  await page.waitForFunction((start) => document.querySelector('video').currentTime > start + 1, from, { timeout: CHANGE_MS, polling: 100 });
}

function openHls(url) {
  const errors = [];
  const hls = new window.Hls({ enableWorker: false });
  hls.on(window.Hls.Events.ERROR, (_, { details, fatal }) => { if (fatal) errors.push(details); });
  hls.loadSource(url);
  hls.attachMedia(document.querySelector('video'));
  window.ladder = {
    errors,
    widths: () => hls.levels.map((level) => level.width).sort((a, b) => a - b),
    sounds: () => hls.audioTracks.length,
    choose: (width) => { hls.nextLevel = hls.levels.findIndex((level) => level.width === width); },
    limit: (width) => { hls.autoLevelCapping = hls.levels.findIndex((level) => level.width === width); },
    sound: () => hls.audioTrack,
    listen: (sound) => { hls.audioTrack = sound; },
  };
}

function openDash(url) {
  const errors = [];
  const player = window.dashjs.MediaPlayer().create();
  player.updateSettings({
    streaming: { timeShiftBuffer: { calcFromSegmentTimeline: true }, buffer: { fastSwitchEnabled: true }, abr: { autoSwitchBitrate: { video: false } } },
  });
  player.on('error', ({ error }) => errors.push(`${error.code}: ${error.message}`));
  player.initialize(document.querySelector('video'), url, true);
  const sounds = () => player.getTracksFor('audio').toSorted((a, b) => a.id - b.id);
  window.ladder = {
    errors,
    widths: () => player.getRepresentationsByType('video').map(({ width }) => width).sort((a, b) => a - b),
    sounds: () => sounds().length,
    choose: (width) => {
      const at = player.getRepresentationsByType('video').find((one) => one.width === width);
      player.setRepresentationForTypeById('video', at.id);
    },
    limit: (width) => {
      const { bandwidth } = player.getRepresentationsByType('video').find((one) => one.width === width);
      player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: true }, maxBitrate: { video: Math.ceil(bandwidth / 1000) } } } });
    },
    sound: () => sounds().findIndex((track) => track.id === player.getCurrentTrackFor('audio')?.id),
    listen: (sound) => player.setCurrentTrack(sounds()[sound]),
  };
}

async function openShaka(url) {
  const errors = [];
  window.shaka.polyfill.installAll();
  const player = new window.shaka.Player();
  player.configure({
    abr: { enabled: false },
    // As the watch page has it: by itself Shaka gives up for good where a playlist ends with a gap.
    streaming: { failureCallback: ({ category }) => { if (category === window.shaka.util.Error.Category.NETWORK) player.retryStreaming(1); } },
    manifest: { hls: window.shakaHls, dash: { clockSyncUri: new URL('/time', url).href } },
  });
  player.addEventListener('error', ({ detail }) => errors.push(`Shaka error ${detail.code}`));
  await player.attach(document.querySelector('video'));
  await player.load(url);
  const widths = () => [...new Set(player.getVariantTracks().map(({ width }) => width))].sort((a, b) => a - b);
  const sounds = () => [...new Set(player.getVariantTracks().map(({ audioId }) => audioId))].sort((a, b) => a - b);
  const active = () => player.getVariantTracks().find((track) => track.active);
  const select = (test) => player.selectVariantTrack(player.getVariantTracks().find(test));
  window.ladder = {
    errors,
    widths,
    sounds: () => sounds().length,
    choose: (width) => select((track) => track.width === width && track.audioId === active().audioId),
    limit: (width) => player.configure({ abr: { enabled: true, restrictions: { maxWidth: width } } }),
    sound: () => sounds().indexOf(active()?.audioId),
    listen: (sound) => select((track) => track.audioId === sounds()[sound] && track.width === active().width),
  };
}
