// Changes between the pictures and the sounds of a stream that its encoder sends as a ladder, with each of the libraries.
//
//   node tests/browser/ladder.mjs BASE_URL APP/NAME WIDTHS SOUNDS [SCREENSHOT_DIR]
//
// WIDTHS are those of the video tracks with commas between, SOUNDS is the number of audio tracks. Prints one line of JSON for each play;
// ends with 1 when any of them failed, with 2 when it was called wrongly.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { openBrowser, openPage, screenshot } from './lib.mjs';

/** How long a change may take to be seen: what is buffered, and the next segments. */
const CHANGE_MS = 30_000;

const [base, stream, widths, sounds, shots] = process.argv.slice(2);
if (sounds === undefined) {
  console.error('usage: ladder.mjs BASE_URL APP/NAME WIDTHS SOUNDS [SCREENSHOT_DIR]');
  process.exit(2);
}
const expected = { widths: widths.split(',').map(Number).sort((a, b) => a - b), sounds: Number(sounds) };
const { origin } = new URL(base);

/** Each opens a player in the page as `window.ladder`: its levels by width, its sounds, and how one of them is chosen. */
const PLAYERS = {
  'hls.js': { script: 'hls.js/dist/hls.js', list: 'index.m3u8', open: openHls },
  'dash.js': { script: 'dashjs/dist/modern/umd/dash.all.debug.js', list: 'manifest.mpd', open: openDash },
  'Shaka, HLS': { script: 'shaka-player/dist/shaka-player.compiled-es2021.js', list: 'index.m3u8', open: openShaka },
  'Shaka, DASH': { script: 'shaka-player/dist/shaka-player.compiled-es2021.js', list: 'manifest.mpd', open: openShaka },
};

const browser = await openBrowser();
let failed = false;
try {
  // Side by side: most of the time each waits for the next segments.
  await Promise.all(Object.entries(PLAYERS).map(async ([name, player]) => {
    const { page, problems } = await openPage(browser.context, origin, (url) => url.endsWith('/favicon.ico'));
    const seen = {};
    await play(page, player, seen).catch((error) => problems.push(error.message.split('\n')[0]));
    await screenshot(page, shots, `ladder-${name.replace(/\W+/g, '-')}`);
    problems.push(...await page.evaluate(() => window.ladder?.errors ?? []).catch(() => []));
    await page.close();
    console.log(JSON.stringify({ ok: problems.length === 0, player: name, ...seen, problems }));
    failed ||= problems.length > 0;
  }));
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

async function play(page, { script, list, open }, seen) {
  await page.goto(`${origin}/healthz`);
  const path = fileURLToPath(new URL(`../../web/node_modules/${script}`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${script} is not installed`);
  await page.addScriptTag({ path });
  await page.evaluate(() => {
    document.body.innerHTML = '<video muted autoplay playsinline style="width:640px"></video>';
  });
  await page.evaluate(open, `${origin}/${stream}/${list}`);
  await untilSeen(page, null);
  const offered = await page.evaluate(() => ({ widths: window.ladder.widths(), sounds: window.ladder.sounds() }));
  Object.assign(seen, offered);
  if (JSON.stringify(offered) !== JSON.stringify(expected)) throw new Error(`offered are ${JSON.stringify(offered)}`);
  // Up and down again, so that each is changed to and from.
  for (const width of [...expected.widths, ...expected.widths.toReversed().slice(1)]) {
    await page.evaluate((wanted) => window.ladder.choose(wanted), width);
    await untilSeen(page, width);
  }
  for (let sound = expected.sounds - 1; sound >= 0; sound -= 1) {
    await page.evaluate((wanted) => window.ladder.listen(wanted), sound);
    await page.waitForFunction((wanted) => window.ladder.sound() === wanted, sound, { timeout: CHANGE_MS });
    await untilSeen(page, null);
  }
}

/** Until pictures of that width, or any, are shown and go on for a second. */
async function untilSeen(page, width) {
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
      player.setRepresentationForTypeById('video', at.id, true);
    },
    sound: () => sounds().findIndex((track) => track.id === player.getCurrentTrackFor('audio')?.id),
    listen: (sound) => player.setCurrentTrack(sounds()[sound]),
  };
}

async function openShaka(url) {
  const errors = [];
  window.shaka.polyfill.installAll();
  const player = new window.shaka.Player();
  player.configure({ abr: { enabled: false }, manifest: { dash: { clockSyncUri: new URL('/time', url).href } } });
  player.addEventListener('error', ({ detail }) => errors.push(`Shaka error ${detail.code}`));
  await player.attach(document.querySelector('video'));
  await player.load(url);
  const widths = () => [...new Set(player.getVariantTracks().map(({ width }) => width))].sort((a, b) => a - b);
  const sounds = () => [...new Set(player.getVariantTracks().map(({ audioId }) => audioId))].sort((a, b) => a - b);
  const active = () => player.getVariantTracks().find((track) => track.active);
  const select = (test) => player.selectVariantTrack(player.getVariantTracks().find(test), true);
  window.ladder = {
    errors,
    widths,
    sounds: () => sounds().length,
    choose: (width) => select((track) => track.width === width && track.audioId === active().audioId),
    sound: () => sounds().indexOf(active()?.audioId),
    listen: (sound) => select((track) => track.audioId === sounds()[sound] && track.width === active().width),
  };
}
