// Plays a stream that its encoder sends as a ladder by WebSocket fMP4, over a line that is throttled for a while: our own player goes down
// to a rendition that the line bears, and up again when it bears more. Another viewer comes while the line is thin, and one chooses pictures
// and sounds.
//
//   node tests/browser/rungs.mjs BASE_URL APP/NAME ID:WIDTH[,ID:WIDTH...] KBPS DIR
//
// Pictures are named by their tracks, such as v0:1280,v16:640, the best first and at least two; KBPS is what the throttled line bears, enough for the
// second and not for the first. Prints one line of JSON for each walk; ends with 1 when any of them failed, with 2 when it was called wrongly.

import { openBrowser, openPage, screenshot, stats, until, untilPlaying } from './lib.mjs';
import { openLine } from './line.mjs';

/** How soon the player must have gone down, and up: calm and a trial of a whole group of pictures go before. */
const DOWN_MS = 12_000;
const UP_MS = 40_000;

const [base, stream, list, kbps, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: rungs.mjs BASE_URL APP/NAME WIDTHS KBPS DIR');
  process.exit(2);
}
const pictures = list.split(',').map((one) => one.split(':')).map(([id, width]) => ({ id, width: Number(width) }));
const [best, second] = pictures;
const line = await openLine(new URL(base));
const browser = await openBrowser();
let failed = false;
try {
  await walk('throttled', throttled);
  await walk('thin', thin, Number(kbps));
  await walk('chosen', chosen);
} finally {
  await browser.close();
  line.close();
}
process.exit(failed ? 1 : 0);

async function walk(name, steps, atFirst = Infinity) {
  line.throttle(atFirst);
  const { page, problems } = await openPage(browser.context, line.origin);
  const seen = {};
  await page.goto(`${line.origin}/watch/${stream}?protocol=ws-fmp4`);
  await untilPlaying(page).catch((error) => problems.push(error.message.split('\n')[0]));
  const source = await page.evaluate(() => document.querySelector('video').src);
  await steps(page, seen).catch((error) => problems.push(error.message.split('\n')[0]));
  const { errors, stalls, stalled_ms: stalledMs } = await stats(page);
  Object.assign(seen, { stalls, stalled_ms: stalledMs });
  problems.push(...errors.map(({ message }) => message));
  if (source !== await page.evaluate(() => document.querySelector('video').src)) problems.push('the player began anew');
  await screenshot(page, directory, `rungs-${name}`);
  await page.close();
  console.log(JSON.stringify({ ok: problems.length === 0, walk: name, ...seen, problems }));
  failed ||= problems.length > 0;
}

async function throttled(page, seen) {
  await settled(page);
  line.throttle(Number(kbps));
  let began = Date.now();
  await until(async () => (await stats(page)).width === second.width, 'the rendition that the line bears', DOWN_MS);
  seen.down_ms = Date.now() - began;
  await plays(page);
  line.throttle(Infinity);
  began = Date.now();
  const before = await stats(page);
  await until(async () => (await stats(page)).width === best.width, 'the best again', UP_MS);
  seen.up_ms = Date.now() - began;
  await plays(page);
  const after = await stats(page);
  if (after.stalls > before.stalls) throw new Error(`stalled ${after.stalls - before.stalls} times on the way up`);
}

/** The first pictures come slowly, and the way down begins before the player has. */
async function thin(page, seen) {
  await plays(page);
  await until(async () => (await stats(page)).width < best.width, 'a rendition that the line bears', DOWN_MS);
  await plays(page);
  seen.width = (await stats(page)).width;
}

/** Each picture and each sound, from one to the next without a stall. */
async function chosen(page, seen) {
  await settled(page);
  // How a player begins is another matter.
  const before = await stats(page);
  await page.getByRole('button', { name: 'Settings' }).click();
  seen.change_ms = [];
  for (const { id, width } of [...pictures.slice(1), ...[...pictures].reverse().slice(1)]) {
    const began = Date.now();
    await page.getByLabel('Quality').selectOption(id);
    await until(async () => (await stats(page)).width === width, `picture ${id}`);
    seen.change_ms.push(Date.now() - began);
  }
  if (await page.getByLabel('Sound').isVisible()) await page.getByLabel('Sound').selectOption('a1');
  await plays(page);
  const after = await stats(page);
  if (after.stalls > before.stalls) throw new Error(`stalled ${after.stalls - before.stalls} times`);
}

/** What players do in their first moments tells nothing of the line. */
async function settled(page) {
  await plays(page);
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 2000)));
}

/** Goes on for two seconds. */
async function plays(page) {
  const { currentTime } = await stats(page);
  await until(async () => (await stats(page)).currentTime > currentTime + 2, 'it plays on');
}
