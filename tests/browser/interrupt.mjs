// Interrupts a stream while the watch page plays it by each protocol at once, and says whether every player went on by itself.
//
//   node tests/browser/interrupt.mjs GATEWAY CLIP_DIR SCENARIO[,SCENARIO...] PROTOCOL[,PROTOCOL...] DIR
//
// Starts a gateway of its own (the binary GATEWAY) for each scenario, publishes clips from CLIP_DIR with ffmpeg, and plays one page for
// each protocol side by side; "automatic" leaves the choice to the page. Logs and screenshots go to DIR. Prints one line of JSON for each scenario and protocol; ends with 1 when
// any of them failed, with 2 when it was called wrongly. TRACE=MS prints what each player does, so often.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isOk, openBrowser, openPage, screenshot, start, stats, until, untilPlaying } from './lib.mjs';

const CLIP = 'bframes.mp4';
/** Another resolution and another profile. */
const OTHER_CLIP = 'small.mp4';
/** Other codecs, of pictures and of sound. */
const OTHER_CODECS = 'codecs/av1-opus.mp4';
/** The same codec of pictures, and sound that Chromium does not decode in MP4. */
const UNDECODABLE = 'mp3.mp4';

/** Seconds without a publisher: longer than players buffer at low latency, well within the grace. */
const AWAY_S = Number(process.env.AWAY_S ?? 4);
/** How long players play before and after, seconds. */
const PLAY_S = Number(process.env.PLAY_S ?? 6);
/** HLS and DASH players are some segments behind and have a retry interval of their own. */
const RECOVERY_S = Number(process.env.RECOVERY_S ?? 40);
/** How long a second encoder may take to push out the first, seconds. */
const TAKEOVER_S = 10;
/** How fast an encoder's clock runs that is too fast, and how long it may take until that shows, seconds. */
const FAST = 1.2;
const FAST_S = 90;
/** Pictures that prove that a player is back. */
const PICTURES = 60;

/**
 * - `interrupt`: takes the stream away and gives it back
 * - `mayRestart`: whether a player may have to begin a new attempt, because its stream truly ended
 */
const SCENARIOS = {
  // The encoder's connection is lost and it comes back within the grace.
  return: { interrupt: (stage) => reconnect(stage, CLIP), mayRestart: false },
  // It comes back with another resolution.
  'return-changed': { interrupt: (stage) => reconnect(stage, OTHER_CLIP), mayRestart: false, size: '426x240' },
  // It comes back with other codecs.
  'return-codecs': { interrupt: (stage) => reconnect(stage, OTHER_CODECS), mayRestart: false, size: '160x90' },
  // A second encoder takes over without a pause, with another resolution.
  takeover: { interrupt: (stage) => takeover(stage, OTHER_CLIP), mayRestart: false, size: '426x240' },
  // The same with other codecs.
  'takeover-codecs': { interrupt: (stage) => takeover(stage, OTHER_CODECS), mayRestart: false, size: '160x90' },
  // The same with sound that the browser does not decode: the pictures go on.
  'takeover-undecodable': { interrupt: (stage) => takeover(stage, UNDECODABLE), mayRestart: true, size: '320x180' },
  // A second encoder takes over whose clock is too fast, until media has to be left out.
  'fast-clock': { interrupt: fastClock, mayRestart: false },
  // The encoder is restarted with another resolution: a fraction of a second without a publisher.
  'quick-return': { interrupt: quickReturn, mayRestart: false, size: '426x240' },
  // It stays away beyond the grace: the stream ends, and is live again later.
  'end-and-return': { interrupt: endAndReturn, mayRestart: true },
  // The gateway is restarted.
  restart: { interrupt: restart, mayRestart: true },
};

const [gateway, clips, scenarios, protocols, directory] = process.argv.slice(2);
if (directory === undefined || scenarios.split(',').some((name) => SCENARIOS[name] === undefined)) {
  console.error(`usage: interrupt.mjs GATEWAY CLIP_DIR SCENARIO[,...] PROTOCOL[,...] DIR; scenarios: ${Object.keys(SCENARIOS).join(' ')}`);
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

let failed = false;
for (const name of scenarios.split(',')) {
  const broken = (error) => [{ ok: false, scenario: name, problems: [error.message] }];
  for (const result of await play(name).catch(broken)) {
    console.log(JSON.stringify(result));
    failed ||= !result.ok;
  }
}
process.exit(failed ? 1 : 0);

async function play(name) {
  const scenario = SCENARIOS[name];
  const [rtmp, http] = [await freePort(), await freePort()];
  const stage = { rtmp, http, origin: `http://127.0.0.1:${http}`, gateway: null, publisher: null, log: (what) => join(directory, `${name}.${what}.log`) };
  const browser = await openBrowser();
  try {
    await startGateway(stage);
    await publish(stage, CLIP);
    const viewers = await Promise.all(protocols.split(',').map((protocol) => openViewer(browser.context, stage, protocol)));
    const trace = process.env.TRACE === undefined ? undefined : setInterval(() => void tell(viewers), Number(process.env.TRACE));
    await sleep(PLAY_S);
    await Promise.all(viewers.map(async (viewer) => { viewer.before = await stats(viewer.page); }));
    await scenario.interrupt(stage, viewers);
    const back = Date.now();
    await Promise.all(viewers.map((viewer) => recover(viewer, scenario, back)));
    clearInterval(trace);
    await Promise.all(viewers.map(({ page, protocol }) => screenshot(page, directory, `${name}-${protocol}`)));
    return viewers.map(({ protocol, before, after, frozenMs, problems }) => ({ ok: problems.length === 0, scenario: name, protocol, back_after_ms: frozenMs, before, after, problems }));
  } finally {
    await browser.close();
    await stage.publisher?.end('SIGKILL');
    await stage.gateway?.end('SIGTERM');
  }
}

async function startGateway(stage) {
  stage.gateway = start(gateway, ['serve', '--rtmp', `127.0.0.1:${stage.rtmp}`, '--http', `127.0.0.1:${stage.http}`], stage.log('gateway'));
  await until(() => isOk(`${stage.origin}/healthz`), 'the gateway is up');
}

/** Publishes at that pace, without encoding; returns when HLS has something to play. */
async function publish(stage, clip, pace = 1) {
  // Enhanced RTMP takes a current FFmpeg.
  stage.publisher = start(clip === OTHER_CODECS ? 'ffmpeg9' : 'ffmpeg', [
    '-nostdin', '-loglevel', 'warning', '-readrate', String(pace), '-stream_loop', '-1', '-i', join(clips, clip), '-c', 'copy', '-f', 'flv',
    `rtmp://127.0.0.1:${stage.rtmp}/live/clip`,
  ], stage.log('publisher'));
  await until(() => isOk(`${stage.origin}/live/clip/index.m3u8`), 'the stream is live');
}

async function openViewer(context, stage, protocol) {
  // While a stream or the gateway is away, requests fail, and a browser says so on the console.
  const isExpected = (url, text) => stage.interrupted && /Failed to load resource|WebSocket connection|ERR_/.test(text);
  const { page, problems } = await openPage(context, stage.origin, isExpected);
  const viewer = { page, protocol, problems, before: null, after: null, frozenMs: null };
  await page.goto(`${stage.origin}/watch/live/clip${protocol === 'automatic' ? '' : `?protocol=${protocol}`}`);
  await untilPlaying(page).catch((error) => problems.push(`did not begin: ${error.message.split('\n')[0]}`));
  return viewer;
}

async function reconnect(stage, clip) {
  await stage.publisher.end('SIGKILL');
  await sleep(AWAY_S);
  await publish(stage, clip);
}

/** The gateway sends the first encoder away. */
async function takeover(stage, clip, pace = 1) {
  const old = stage.publisher;
  await publish(stage, clip, pace);
  const pushedOut = await Promise.race([old.gone.then(() => true), sleep(TAKEOVER_S).then(() => false)]);
  if (pushedOut) return;
  await old.end('SIGKILL');
  throw new Error(`the first encoder was still there after ${TAKEOVER_S} s`);
}

async function fastClock(stage) {
  await takeover(stage, CLIP, FAST);
  const period = async () => (await fetch(`${stage.origin}/live/clip/manifest.mpd`).then((answer) => answer.text())).match(/Period id="[^"]*"/g)?.at(-1);
  await sleep(PLAY_S);
  const first = await period();
  await until(async () => (await period()) !== first, 'media is left out', FAST_S * 1000);
}

async function quickReturn(stage) {
  const old = stage.publisher;
  await publish(stage, OTHER_CLIP);
  await old.end('SIGKILL');
}

async function endAndReturn(stage, viewers) {
  stage.interrupted = true;
  await stage.publisher.end('SIGKILL');
  const state = () => fetch(`${stage.origin}/live/clip/info.json`).then((answer) => answer.json()).then((info) => info.state);
  await until(async () => (await state()) === 'ended', 'the stream has ended');
  await Promise.all(viewers.map((viewer) => saysSo(viewer)));
  await publish(stage, CLIP);
}

/** A page whose stream has ended says that it is not live. */
async function saysSo({ page, problems, protocol }) {
  const words = page.waitForFunction(() => /^Not live now/.test(window.__player.state), null, { timeout: RECOVERY_S * 1000, polling: 200 });
  await words.catch(() => problems.push('the page never said that the stream is not live'));
  await screenshot(page, directory, `ended-${protocol}`);
}

async function restart(stage) {
  stage.interrupted = true;
  await stage.gateway.end('SIGTERM');
  await stage.publisher.end('SIGKILL');
  await startGateway(stage);
  await publish(stage, CLIP);
}

/** Until the player shows new pictures from after the interruption; notes what is wrong with how it came back. */
async function recover(viewer, scenario, back) {
  const { page, problems } = viewer;
  const at = await stats(page);
  const deadline = back + RECOVERY_S * 1000;
  try {
    // What a player had in its buffer is no proof: it must go on beyond it, and at the size that is published now.
    let reached = null;
    for (;;) {
      const now = await stats(page);
      const size = `${now.width}x${now.height}`;
      const fresh = scenario.size === undefined ? now.state === 'Playing' && Date.now() > back + viewer.before.buffered_ms + 500 : size === scenario.size;
      if (fresh) reached ??= { pictures: now.decoded, time: now.currentTime, ms: Date.now() - back };
      if (reached !== null && now.decoded < reached.pictures) reached = null;
      if (reached !== null && now.decoded - reached.pictures >= PICTURES && now.currentTime > reached.time + 1) {
        viewer.frozenMs = reached.ms;
        break;
      }
      if (Date.now() > deadline) throw new Error(`no new pictures within ${RECOVERY_S} s: ${JSON.stringify(at)}`);
      await sleep(0.1);
    }
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  viewer.after = await stats(page).catch(() => null);
  if (viewer.after === null) return;
  if (viewer.after.fatal) problems.push('the player stopped for good');
  if (!scenario.mayRestart) problems.push(...viewer.after.errors.filter(({ fatal }) => fatal).map(({ message }) => `fatal error: ${message}`));
}

async function tell(viewers) {
  for (const { page, protocol } of viewers) {
    const now = await stats(page).catch(() => null);
    const ranges = await page.evaluate(() => {
      const { buffered } = document.querySelector('video');
      return Array.from({ length: buffered.length }, (_, i) => `${buffered.start(i).toFixed(2)}-${buffered.end(i).toFixed(2)}`).join(' ');
    }).catch(() => '');
    if (now === null) continue;
    console.error(`${new Date().toISOString().slice(14, 23)} ${protocol.padEnd(10)} t=${now.currentTime.toFixed(2)} buf=${now.buffered_ms} lat=${now.latency_ms} [${ranges}] dec=${now.decoded} ${now.width}x${now.height} ${now.state} ${now.errors.map(({ message, fatal }) => (fatal ? '!' : '') + message).slice(-3).join(' | ')}`);
  }
}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
