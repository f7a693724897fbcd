// Marks moments of a live stream as encoders do, and says whether players of DASH tell a page of them, once each and in time.
//
//   node tests/browser/cues.mjs GATEWAY CLIP DIR
//
// Starts a gateway of its own (the binary GATEWAY), publishes CLIP with two cue points, and plays it by dash.js and Shaka themselves, without
// the watch page around them. Logs go to DIR. Prints one line of JSON for each player; ends with 1 when one of them failed, with 2 when it
// was called wrongly.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, isOk, openBrowser, openPage, start, until } from './lib.mjs';
import { publishTalking } from './rtmp.mjs';

const CUES = 'urn:sluicegate:cue:2026';
const SPLICES = 'urn:scte:scte35:2013:bin';
/** A `splice_insert` out of the network, as SCTE 35 has it in its examples. */
const SECTION = '/DAvAAAAAAAA///wFAVIAACPf+/+c2nALv4AUsz1AAAAAAAKAAhDVUVJAAABNWLbowo=';
/** How long a cue may take to the page, milliseconds. */
const PATIENCE_MS = 10_000;

const [gateway, clip, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: cues.mjs GATEWAY CLIP DIR');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

const LIBRARIES = new URL('../../web/node_modules/', import.meta.url);

/** Each plays the manifest on the page's element and notes `[scheme, message]` of each event in `window.events`. */
const PLAYERS = {
  'dash.js': {
    script: 'dashjs/dist/modern/umd/dash.all.min.js',
    play: ([schemes, url]) => {
      const player = window.dashjs.MediaPlayer().create();
      for (const scheme of schemes) player.on(scheme, ({ event }) => window.events.push([scheme, [...event.messageData]]));
      player.updateSettings({ streaming: { timeShiftBuffer: { calcFromSegmentTimeline: true } } });
      player.initialize(document.querySelector('video'), url, true);
    },
  },
  Shaka: {
    script: 'shaka-player/dist/shaka-player.compiled-es2021.js',
    play: async ([, url]) => {
      const player = new window.shaka.Player();
      await player.attach(document.querySelector('video'));
      player.addEventListener('emsg', ({ detail }) => window.events.push([detail.schemeIdUri, [...detail.messageData]]));
      await player.load(url);
    },
  },
};

const rtmp = await freePort();
const origin = `http://127.0.0.1:${await freePort()}`;
const server = start(gateway, ['serve', '--rtmp', `127.0.0.1:${rtmp}`, '--http', new URL(origin).host], join(directory, 'gateway.log'));
const browser = await openBrowser();
let publisher = null;
let failed = true;
try {
  await until(() => isOk(`${origin}/healthz`), 'the gateway is up');
  publisher = await publishTalking(rtmp, 'live', 'marked', clip);
  await until(() => isOk(`${origin}/live/marked/manifest.mpd`), 'the stream is live');
  const plays = await Promise.all(Object.keys(PLAYERS).map((name) => open(name)));
  publisher.say('onCuePoint', { name: 'goal', type: 'event', parameters: { side: 'home' } });
  publisher.say('onAdCue', { cue: SECTION, type: 'scte35', id: 'break' });
  const results = await Promise.all(plays.map(async ({ name, page, problems }) => ({ player: name, events: await heard(page, problems), problems })));
  for (const result of results) console.log(JSON.stringify({ ok: result.problems.length === 0, ...result }));
  failed = results.some(({ problems }) => problems.length > 0);
} catch (error) {
  console.log(JSON.stringify({ ok: false, problems: [error.message] }));
} finally {
  await browser.close();
  await publisher?.end();
  await server.end();
}
process.exit(failed ? 1 : 0);

async function open(name) {
  const { page, problems } = await openPage(browser.context, origin, (url) => url.endsWith('/favicon.ico'));
  await page.goto(`${origin}/healthz`);
  await page.evaluate(() => {
    window.events = [];
    document.body.innerHTML = '<video muted autoplay></video>';
  });
  await page.addScriptTag({ path: fileURLToPath(new URL(PLAYERS[name].script, LIBRARIES)) });
  await page.evaluate(PLAYERS[name].play, [[CUES, SPLICES], `${origin}/live/marked/manifest.mpd`]);
  // A place in the stream they have before they have any media, and what is marked before that place they do not tell of.
  await page.waitForFunction(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames > 0);
  return { name, page, problems };
}

/** What a page was told of; notes what is wrong with it. */
async function heard(page, problems) {
  const both = page.waitForFunction(() => new Set(window.events.map(([scheme]) => scheme)).size === 2, null, { timeout: PATIENCE_MS });
  await both.catch(() => problems.push('not both cues came'));
  const events = (await page.evaluate(() => window.events)).map(([scheme, bytes]) => [scheme, Buffer.from(bytes)]);
  const cues = events.filter(([scheme]) => scheme === CUES).map(([, bytes]) => JSON.parse(bytes.toString()));
  const splices = events.filter(([scheme]) => scheme === SPLICES).map(([, bytes]) => bytes.toString('base64'));
  if (cues.length > 1 || splices.length > 1) problems.push('an event was told twice');
  if (splices.some((splice) => splice !== SECTION)) problems.push('the section is another');
  return [...cues, ...splices];
}
