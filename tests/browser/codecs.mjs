// Plays the codecs of Enhanced RTMP from the watch page: in Chromium, and HEVC, which Chromium leaves to hardware, in Firefox.
//
//   node tests/browser/codecs.mjs GATEWAY CLIP_DIR DIR
//
// Starts a gateway of its own (the binary GATEWAY), publishes clips of CLIP_DIR over and over with ffmpeg9, and plays each by several
// protocols side by side. Logs and screenshots go to DIR. Prints one line of JSON for each play; ends with 1 when any of them failed,
// with 2 when it was called wrongly. CHROMIUM and FIREFOX name the browsers when they are elsewhere than in /usr/bin.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, isOk, openBrowser, openFirefox, openPage, playOn, screenshot, start, stats, until } from './lib.mjs';

/** How much of its stream each plays, seconds. */
const PLAY_S = Number(process.env.PLAY_S ?? 2);
/** The clips have 15 pictures a second; Firefox without a screen shows and counts some six of them. */
const MIN_PICTURES_PER_S = 5;

/**
 * What is published, and what plays it. `codecs` is what the page must show. `refused` is what the page must say instead of playing. Where
 * it `isSilent` the pictures play alone, as the browser cannot decode the sound.
 */
const PLAYS = [
  { clip: 'av1-opus', codecs: /^av01\.0\.00M\.08\S*, opus$/i, chromium: ['ws-fmp4', 'hls', 'dash'] },
  // The one AV1 that mpegts.js 1.8.2 reads: it misreads keyframes with order hints.
  { clip: 'av1-unordered', codecs: /^av01\.0\.00M\.08\S*, opus$/i, chromium: ['http-flv'] },
  { clip: 'vp9-flac', codecs: /^vp09\.00\.10\.08\S*, flac$/i, chromium: ['ws-fmp4', 'hls', 'dash-shaka'] },
  { clip: 'avc-flac', codecs: /^avc1\.\w+, (fLaC|flac)$/i, chromium: ['http-flv', 'ws-fmp4'] },
  { clip: 'hevc-aac51', codecs: /^hvc1\.1\.6\.L30\.90, mp4a\.40\.2$/, firefox: ['ws-fmp4', 'hls', 'dash'] },
  { clip: 'hevc-aac51', refused: /hvc1\.1\.6\.L30\.90/, chromium: ['ws-fmp4'] },
  { clip: 'avc-ac3', codecs: /^avc1\.\w+$/, isSilent: true, chromium: ['hls', 'hls-shaka', 'dash-shaka'] },
];

const [gateway, clips, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: codecs.mjs GATEWAY CLIP_DIR DIR');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

let failed = false;
const children = [];
const origin = `http://127.0.0.1:${await freePort()}`;
try {
  await publishAll();
  await inBrowser('chromium', openBrowser);
  await inBrowser('firefox', openFirefox);
} catch (error) {
  console.log(JSON.stringify({ ok: false, problems: [error.message] }));
  failed = true;
} finally {
  for (const child of children.reverse()) await child.end();
}
process.exit(failed ? 1 : 0);

async function publishAll() {
  const rtmp = `127.0.0.1:${await freePort()}`;
  children.push(start(gateway, ['serve', '--rtmp', rtmp, '--http', new URL(origin).host], join(directory, 'gateway.log')));
  await until(() => isOk(`${origin}/healthz`), 'the gateway is up');
  const names = [...new Set(PLAYS.map(({ clip }) => clip))];
  for (const name of names) {
    const from = ['-re', '-stream_loop', '-1', '-i', join(clips, `${name}.mp4`)];
    const options = ['-nostdin', '-loglevel', 'warning', ...from, '-map', '0', '-c', 'copy', '-f', 'flv', `rtmp://${rtmp}/live/${name}`];
    children.push(start('ffmpeg9', options, join(directory, `${name}.log`)));
  }
  await Promise.all(names.map((name) => until(() => isOk(`${origin}/live/${name}/index.m3u8`), `${name} is live`)));
}

/** All plays of one browser, one stream after the other. */
async function inBrowser(name, open) {
  const browser = await open();
  try {
    for (const { clip, codecs, refused, isSilent = false, ...protocols } of PLAYS) {
      const plays = (protocols[name] ?? []).map((protocol) => play(name, browser.context, { clip, codecs, refused, isSilent, protocol }));
      for (const result of await Promise.all(plays)) {
        console.log(JSON.stringify(result));
        failed ||= !result.ok;
      }
    }
  } finally {
    await browser.close();
  }
}

async function play(browser, context, { clip, codecs, refused, isSilent, protocol }) {
  const { page, problems } = await openPage(context, origin);
  let after = null;
  try {
    await page.goto(`${origin}/watch/live/${clip}?protocol=${protocol}`);
    await until(async () => {
      const now = await look(page);
      return now !== undefined && (now.fatal || (now.decoded > 0 && now.currentTime > 0));
    }, 'the page plays or gives up');
    const played = await playOn(() => look(page), { seconds: PLAY_S, pictures: PLAY_S * MIN_PICTURES_PER_S });
    ({ after } = played);
    problems.push(...played.problems, ...(refused === undefined ? judge(after, { codecs, isSilent, protocol }) : judgeRefusal(after, refused)));
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  await screenshot(page, directory, `${browser}-${clip}-${protocol}`);
  await page.close();
  return { ok: problems.length === 0, browser, clip, protocol, after, problems };
}

/** What the page says of its player, and what the browser says of the sound. */
async function look(page) {
  if (!(await page.evaluate(() => window.__player !== undefined))) return undefined;
  const sound = await page.evaluate(() => {
    const video = document.querySelector('video');
    // Chromium counts the bytes that it decoded; Firefox only says that there is sound.
    return video.webkitAudioDecodedByteCount ?? Number(video.mozHasAudio);
  });
  return { ...(await stats(page)), sound };
}

function judge(after, { codecs, isSilent, protocol }) {
  const problems = after.errors.filter(({ fatal }) => fatal).map(({ message }) => `fatal error: ${message}`);
  if (after.protocol !== protocol) problems.push(`the page chose ${after.protocol}`);
  if (!codecs.test(after.codec ?? '')) problems.push(`the page shows ${after.codec}`);
  if (after.width !== 160 || after.height !== 90) problems.push(`pictures of ${after.width}x${after.height}`);
  if ((after.sound > 0) === isSilent) problems.push(isSilent ? 'sound was decoded' : 'no sound was decoded');
  return problems;
}

/** A browser that cannot play the codec: its user is told which. */
function judgeRefusal(after, refused) {
  if (!after.fatal) return ['it plays'];
  const told = after.errors.map(({ message }) => message);
  return told.some((message) => refused.test(message)) ? [] : [`the page says: ${told.join('; ')}`];
}
