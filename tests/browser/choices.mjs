// Chooses picture, sound and place in time on the watch page of a stream that its encoder sends as a ladder.
//
//   node tests/browser/choices.mjs BASE_URL APP/NAME WIDTHS [SCREENSHOT_DIR]
//
// WIDTHS are those of the video tracks, in their order, with commas between; there must be two sounds. Prints one line of JSON for each walk;
// ends with 1 when any of them failed, with 2 when it was called wrongly.

import { openBrowser, openPage, screenshot, stats, until, untilPlaying } from './lib.mjs';

/** One protocol of each kind: pushed by the gateway, and listed. */
const PROTOCOLS = ['ws-fmp4', 'http-flv', 'hls', 'dash-shaka'];
/** Two steps of the keyboard lead back so far, seconds. */
const BACK_S = 10;
/** Players land where they have something to begin with, and have their own places at the live edge. */
const SLACK_S = 3;

const [base, stream, list, shots] = process.argv.slice(2);
if (list === undefined) {
  console.error('usage: choices.mjs BASE_URL APP/NAME WIDTHS [SCREENSHOT_DIR]');
  process.exit(2);
}
const widths = list.split(',').map(Number);
const { origin } = new URL(base);
const browser = await openBrowser();
let failed = false;
try {
  for (const protocol of PROTOCOLS) await walk(`tracks by ${protocol}`, (page) => tracks(page, protocol));
  for (const protocol of ['hls', 'dash', 'dash-shaka']) await walk(`time by ${protocol}`, (page, seen) => time(page, protocol, seen));
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

async function walk(name, steps) {
  const { page, problems } = await openPage(browser.context, origin);
  const seen = {};
  await steps(page, seen).catch((error) => problems.push(error.message.split('\n')[0]));
  await screenshot(page, shots, `choices-${name.replace(/\W+/g, '-')}`);
  if (problems.length === 0 && (await stats(page)).fatal) problems.push('the player stopped for good');
  await page.close();
  console.log(JSON.stringify({ ok: problems.length === 0, walk: name, ...seen, problems }));
  failed ||= problems.length > 0;
}

/** Each picture, then each sound. */
async function tracks(page, protocol) {
  await page.goto(`${origin}/watch/${stream}?protocol=${protocol}`);
  await untilPlaying(page);
  await page.getByRole('button', { name: 'Settings' }).click();
  for (const [at, width] of widths.entries()) {
    await page.getByLabel('Quality').selectOption(`v${at}`);
    await plays(page, `picture v${at}`, (now) => now.width === width);
  }
  await page.getByLabel('Sound').selectOption('a1');
  await plays(page, 'sound a1');
  await page.getByLabel('Quality').selectOption('');
  await plays(page, 'automatic');
}

async function plays(page, what, test = () => true) {
  let from = null;
  await until(async () => {
    const now = await stats(page);
    if (now.state !== 'Playing' || !test(now)) return false;
    from ??= now.decoded;
    return now.decoded > from + 10;
  }, what);
}

/** Back by the keyboard, and to the live edge by the button. */
async function time(page, protocol, seen) {
  await page.goto(`${origin}/watch/${stream}?protocol=${protocol}`);
  await untilPlaying(page);
  // The stream is older than its window by now.
  await page.getByRole('slider', { name: 'Position' }).waitFor();
  await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
  const place = () => page.evaluate(() => document.querySelector('video').currentTime - performance.now() / 1000);
  const before = await place();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('button', { name: 'Go live' }).waitFor();
  await page.waitForTimeout(3000);
  seen.back_s = Math.round(before - (await place()));
  if (seen.back_s < BACK_S - SLACK_S) throw new Error(`only ${seen.back_s} s behind after going back ${BACK_S} s`);
  await page.getByRole('button', { name: 'Go live' }).click();
  await page.getByRole('button', { name: 'Live', exact: true }).waitFor();
  await plays(page, 'live again');
  seen.live_s = Math.round(before - (await place()));
  if (Math.abs(seen.live_s) > SLACK_S) throw new Error(`${seen.live_s} s behind where it was, after going live`);
}
