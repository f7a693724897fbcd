// Lets a machine become too slow for a ladder while each library plays a rung of it: the worker gives the largest one up, and players go over
// to another.
//
//   node tests/browser/overload.mjs GATEWAY WORKER CLIP DIR
//
// Starts a gateway of its own (the binary GATEWAY) whose ladder is made by the binary WORKER, and publishes CLIP (640 pixels wide). Players
// begin with the first rung and may then choose by themselves what is no larger; in the gateway's own, by WebSocket, a viewer has chosen that
// one. The worker is held up, more and more, until it has given it up. Logs and screenshots go to DIR. Prints one line of JSON for each
// player; ends with 1 when any of them failed, with 2 when it was called wrongly.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { freePort, isOk, openBrowser, openPage, screenshot, start, until } from './lib.mjs';
import { openPlayer, PLAYERS, untilSeen, watchForStalls } from './players.mjs';

const STREAM = 'live/show';
const OWN = 'our own';
/** Shaka 5.2.12 threw in one of five runs when the rung went that it plays by HLS. */
const FALLS = 'Shaka, HLS';
/** Pixels across the rung that goes. */
const LARGE = 320;
const RUNGS = '[{ height = 180, bit_rate = 300000 }, { height = 90, bit_rate = 80000 }]';
/** How long a worker may take to have a segment, and to fall behind; and a player to go over. */
const PATIENCE_MS = 60_000;
/** A picture that stands for so long is a stall; a busy machine makes players stop for less. */
const STALL_MS = 8_000;
/** The worker is held up in turns of this length. It has this share of them at first, and less and less the longer it keeps up. */
const TURN_MS = 100;
const FIRST_SHARE = 0.3;
const LESS = 0.6;
const LESS_AFTER_TURNS = 15;

const [gateway, worker, clip, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: overload.mjs GATEWAY WORKER CLIP DIR');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });
const [rtmp, origin] = [`127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
const file = (name) => join(directory, name);
// Tells its process, and becomes the worker.
writeFileSync(file('worker.sh'), `#!/bin/sh\necho $$ >'${resolve(file('worker.pid'))}'\nexec '${resolve(worker)}' "$@"\n`);
chmodSync(file('worker.sh'), 0o755);
// Held up, it gives signs of life seldom.
const ladder = `[ladder]\nmake = "always"\nworker = "${resolve(file('worker.sh'))}"\nrungs = ${RUNGS}\nstall_s = 30\n`;
writeFileSync(file('gateway.toml'), ladder);
const server = start(gateway, ['serve', '--config', file('gateway.toml'), '--rtmp', rtmp, '--http', new URL(origin).host], file('gateway.log'));
let publisher;
const browser = await openBrowser();
let failed = false;
try {
  await until(() => isOk(`${origin}/healthz`), 'the gateway is up');
  const input = ['-nostdin', '-loglevel', 'warning', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv'];
  publisher = start('ffmpeg', [...input, `rtmp://${rtmp}/${STREAM}`], file('publisher.log'));
  await until(hasSegments, 'each rung has segments', PATIENCE_MS);
  const plays = [];
  for (const [name, player] of Object.entries({ ...PLAYERS, [OWN]: null })) if (name !== FALLS) plays.push(await begin(name, player));
  await Promise.all(plays.map((play) => attempt(play, atRung)));
  await holdUp();
  await Promise.all(plays.map((play) => attempt(play, goesOver)));
  for (const play of plays) await finish(play);
} catch (error) {
  console.log(JSON.stringify({ ok: false, problems: [error.message] }));
  failed = true;
} finally {
  await browser.close();
  await publisher?.end('SIGKILL');
  await server.end();
}
process.exit(failed ? 1 : 0);

async function begin(name, player) {
  // Of a segment that was half made when its rung went the rest never comes.
  const isBrokenOff = (url, text) => url.includes('/v16-') && text.includes('ERR_INCOMPLETE_CHUNKED_ENCODING');
  const { page, problems } = await openPage(browser.context, origin, (url, text) => url.endsWith('/favicon.ico') || isBrokenOff(url, text));
  return { page, player, problems, result: { player: name, width: null, stood_ms: null } };
}

async function attempt(play, step) {
  if (play.problems.length === 0) await step(play).catch((error) => play.problems.push(error.message.split('\n')[0]));
}

async function atRung({ page, player }) {
  if (player === null) {
    await chooseRung(page);
    return;
  }
  await openPlayer(page, player, `${origin}/${STREAM}`);
  await untilSeen(page, null);
  await page.evaluate((width) => { window.ladder.choose(width); }, LARGE);
  await untilSeen(page, LARGE);
  await page.evaluate((width) => { window.ladder.limit(width); }, LARGE);
}

/** In the watch page. */
async function chooseRung(page) {
  await page.goto(`${origin}/watch/${STREAM}?protocol=ws-fmp4`);
  await untilSeen(page, null);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Quality').selectOption('v16');
  await untilSeen(page, LARGE);
}

async function goesOver({ page, result, problems }) {
  await page.evaluate(watchForStalls);
  await page.waitForFunction((width) => document.querySelector('video').videoWidth !== width, LARGE, { timeout: PATIENCE_MS, polling: 100 });
  await untilSeen(page, null);
  result.width = await page.evaluate(() => document.querySelector('video').videoWidth);
  result.stood_ms = await page.evaluate(() => window.stoodMs());
  if (result.stood_ms >= STALL_MS) problems.push(`the picture stood for ${result.stood_ms} ms`);
}

async function finish({ page, problems, result }) {
  await screenshot(page, directory, result.player.replace(/\W+/g, '-'));
  problems.push(...await page.evaluate(() => window.ladder?.errors ?? []).catch(() => []));
  await page.close();
  console.log(JSON.stringify({ ok: problems.length === 0, ...result, problems }));
  failed ||= problems.length > 0;
}

/** Gives the worker a smaller and smaller share of the time until it has given up a rung, and says so. */
async function holdUp() {
  const pid = Number(readFileSync(file('worker.pid'), 'utf8'));
  const deadline = Date.now() + PATIENCE_MS;
  try {
    for (let turn = 0, share = FIRST_SHARE; !(await hasGivenUp()); turn += 1) {
      if (Date.now() > deadline) throw new Error('the worker keeps up whatever is done to it');
      if (turn % LESS_AFTER_TURNS === LESS_AFTER_TURNS - 1) share *= LESS;
      process.kill(pid, 'SIGCONT');
      await new Promise((done) => { setTimeout(done, TURN_MS * share); });
      process.kill(pid, 'SIGSTOP');
      await new Promise((done) => { setTimeout(done, TURN_MS * (1 - share)); });
    }
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function hasGivenUp() {
  const [large, small] = (await fetch(`${origin}/api/v1/streams/${STREAM}`).then((answer) => answer.json())).ladder.rungs;
  if (small.shed) throw new Error('the small rung was given up first');
  return large.shed;
}

/** Whether each rung has a segment of its own. */
async function hasSegments() {
  const lists = await Promise.all(['v16', 'v17'].map((track) => fetch(`${origin}/${STREAM}/${track}.m3u8`).then((answer) => answer.text())));
  const count = (list, tag) => list.split(tag).length;
  return lists.every((list) => count(list, '#EXTINF') > count(list, '#EXT-X-GAP'));
}
