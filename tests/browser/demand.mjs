// Lets each library be the first viewer of a stream whose rungs are made on demand, and then change between them, and lets each hear sound
// that is made.
//
//   node tests/browser/demand.mjs GATEWAY CLIP DIR
//
// Starts a gateway of its own (the binary GATEWAY, with the ladder's worker beside it) and publishes CLIP (640 pixels wide) once for each
// player, so that each finds rungs that are all gap as yet. It must begin all the same, and then show the source and each rung, up and down,
// without a stall and without an error. One more stream has the sound of CLIP as Opus, of which the gateway makes AAC for
// players that do not decode it. Logs and screenshots go to DIR. Prints one line of JSON for each play; ends with 1 when any of them
// failed, with 2 when it was called wrongly.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isOk, openBrowser, openPage, screenshot, start, until } from './lib.mjs';
import { openPlayer, PLAYERS, untilSeen, walk } from './players.mjs';

const SOURCE_WIDTH = 640;
/** Of rungs 180 and 90 pixels high: small enough for a machine of two cores, which plays them besides. */
const RUNG_WIDTHS = [160, 320];
const RUNGS = '[{ height = 180, bit_rate = 200000 }, { height = 90, bit_rate = 80000 }]';
/** How long a worker may take to have a segment. */
const MADE_MS = 30_000;
/** A stream whose sound is made, and no rungs. */
const SPOKEN = 'live/spoken';
/** How loud it is at least, of a full scale: its tone is a steady one. */
const LOUD = 0.01;

const [gateway, clip, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: demand.mjs GATEWAY CLIP DIR');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

const players = Object.entries(PLAYERS).map(([name, player]) => ({ name, player, stream: `live/${name.replace(/\W+/g, '-')}` }));
const [rtmp, origin] = [`127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
const log = (what) => join(directory, `${what}.log`);
const configuration = join(directory, 'gateway.toml');
const spoken = `[{ names = "${SPOKEN}", rungs = [], audio = "auto" }]`;
// Workers yield to nobody: the browsers that decode beside them would have them give rungs up.
writeFileSync(configuration, `[ladder]\nmake = "demand"\nnice = 0\nmax_ladders = ${players.length + 1}\nrungs = ${RUNGS}\nstreams = ${spoken}\n`);
const server = start(gateway, ['serve', '--config', configuration, '--rtmp', rtmp, '--http', new URL(origin).host], log('gateway'));
const publishers = [];
const browser = await openBrowser();
let failed = false;
try {
  await until(() => isOk(`${origin}/healthz`), 'the gateway is up');
  for (const { stream } of players) {
    const input = ['-nostdin', '-loglevel', 'warning', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv'];
    publishers.push(start('ffmpeg', [...input, `rtmp://${rtmp}/${stream}`], log('publisher')));
  }
  // Asks for nothing of HLS or DASH, which would begin the ladder.
  await until(() => Promise.all(players.map(({ stream }) => isListed(stream))).then((all) => all.every(Boolean)), 'the streams are there');
  await Promise.all(players.map(play));
  const opus = ['-nostdin', '-loglevel', 'warning', '-re', '-stream_loop', '-1', '-i', clip, '-c:v', 'copy', '-c:a', 'libopus', '-b:a', '64k'];
  publishers.push(start('ffmpeg9', [...opus, '-f', 'flv', `rtmp://${rtmp}/${SPOKEN}`], log('publisher-spoken')));
  await until(() => isTold(SPOKEN, 'a16.m3u8'), 'the sound is made', MADE_MS);
  // Shaka 5.2.12 refuses a manifest with a period in which it can decode no sound, as the first is.
  await Promise.all(players.filter(({ name }) => name !== 'Shaka, DASH').map(hear));
} catch (error) {
  console.log(JSON.stringify({ ok: false, problems: [error.message] }));
  failed = true;
} finally {
  await browser.close();
  await Promise.all(publishers.map((publisher) => publisher.end('SIGKILL')));
  await server.end();
}
process.exit(failed ? 1 : 0);

async function isListed(stream) {
  const told = await fetch(`${origin}/api/v1/streams/${stream}`).then((answer) => (answer.ok ? answer.json() : null));
  return told?.segments !== undefined && told.segments !== null && told.ladder?.state === 'idle';
}

async function play({ name, player, stream }) {
  const { page, problems } = await openPage(browser.context, origin, (url) => url.endsWith('/favicon.ico'));
  const result = { ok: false, player: name, start_ms: null, stood_ms: null };
  try {
    const opened = Date.now();
    await openPlayer(page, player, `${origin}/${stream}`);
    await untilSeen(page, null);
    result.start_ms = Date.now() - opened;
    await page.waitForFunction((widths) => widths.every((width) => window.ladder.widths().includes(width)), RUNG_WIDTHS, { timeout: MADE_MS });
    await until(() => hasSegments(stream), 'each rung has a segment', MADE_MS);
    result.stood_ms = await walk(page, [...RUNG_WIDTHS, SOURCE_WIDTH]);
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  await screenshot(page, directory, name.replace(/\W+/g, '-'));
  problems.push(...await page.evaluate(() => window.ladder?.errors ?? []).catch(() => []));
  await page.close();
  result.ok = problems.length === 0;
  failed ||= !result.ok;
  console.log(JSON.stringify({ ...result, problems }));
}

/** A player that knows nothing of Opus has the made sound. */
async function hear({ name, player }) {
  const { page, problems } = await openPage(browser.context, origin, (url) => url.endsWith('/favicon.ico'));
  const result = { ok: false, player: name, heard: null };
  try {
    await page.addInitScript(forgetOpus);
    await openPlayer(page, player, `${origin}/${SPOKEN}`);
    await untilSeen(page, null);
    await page.evaluate(listen);
    await until(async () => (result.heard = await page.evaluate(() => window.loudness())) > LOUD, 'the sound is heard');
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  problems.push(...await page.evaluate(() => window.ladder?.errors ?? []).catch(() => []));
  await page.close();
  result.ok = problems.length === 0;
  failed ||= !result.ok;
  console.log(JSON.stringify({ ...result, problems }));
}

/** In the page: a browser that does not decode Opus, by each of the ways in which one is asked. */
function forgetOpus() {
  const isOpus = (type) => /opus/i.test(type ?? '');
  const [{ isTypeSupported }, { decodingInfo }] = [MediaSource, MediaCapabilities.prototype];
  MediaSource.isTypeSupported = (type) => !isOpus(type) && isTypeSupported.call(MediaSource, type);
  MediaCapabilities.prototype.decodingInfo = function ask(configuration) {
    if (!isOpus(configuration.audio?.contentType)) return decodingInfo.call(this, configuration);
    return Promise.resolve({ supported: false, smooth: false, powerEfficient: false, configuration });
  };
}

/** In the page: how loud the sound is that leaves the player, of a full scale. */
async function listen() {
  const video = document.querySelector('video');
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaElementSource(video).connect(analyser);
  video.muted = false;
  await context.resume();
  const samples = new Float32Array(analyser.fftSize);
  window.loudness = () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.max(...samples.map(Math.abs));
  };
}

/** Whether a stream's multivariant playlist holds a word. */
function isTold(stream, word) {
  return fetch(`${origin}/${stream}/index.m3u8`).then(async (answer) => answer.ok && (await answer.text()).includes(word));
}

/** Whether each rung of a stream has a segment of its own. */
async function hasSegments(stream) {
  const lists = await Promise.all(['v16', 'v17'].map((track) => fetch(`${origin}/${stream}/${track}.m3u8`).then((answer) => answer.text())));
  const count = (list, tag) => list.split(tag).length;
  return lists.every((list) => count(list, '#EXTINF') > count(list, '#EXT-X-GAP'));
}
