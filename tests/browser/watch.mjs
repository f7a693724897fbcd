// Plays a live stream from the watch page by each protocol, in headless Chromium, and says how it went.
//
//   node tests/browser/watch.mjs BASE_URL APP/NAME PROTOCOL[,PROTOCOL...] [SCREENSHOT_DIR]
//
// Prints one line of JSON for each protocol; ends with 1 when any of them failed, with 2 when it was called wrongly.
// Needs `npm ci` in web/. CHROMIUM names the browser when it is not /usr/bin/chromium; PLAY_S sets how much of the stream each protocol
// plays, START_MS how long it may take to begin, and to play that.

import { openBrowser, openPage, playOn, screenshot, stats, untilPlaying } from './lib.mjs';

const PLAY_S = Number(process.env.PLAY_S ?? 4);
/** At least this many pictures for each second of the stream, whatever its rate: a busy browser drops some. */
const MIN_PICTURES_PER_S = 10;

const [base, stream, list, shots] = process.argv.slice(2);
if (base === undefined || stream === undefined || list === undefined) {
  console.error('usage: watch.mjs BASE_URL APP/NAME PROTOCOL[,PROTOCOL...] [SCREENSHOT_DIR]');
  process.exit(2);
}
const browser = await openBrowser();
let failed = false;
try {
  for (const protocol of list.split(',')) {
    const result = await watch(protocol);
    console.log(JSON.stringify(result));
    failed ||= !result.ok;
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

/** Watches by one protocol in a page of its own. */
async function watch(protocol) {
  const { origin } = new URL(base);
  const { page, problems } = await openPage(browser.context, origin);
  let startMs = null;
  let before = null;
  let after = null;
  try {
    const opened = Date.now();
    await page.goto(`${origin}/watch/${stream}?protocol=${protocol}`);
    await untilPlaying(page);
    startMs = Date.now() - opened;
    const played = await playOn(() => stats(page), { seconds: PLAY_S, pictures: PLAY_S * MIN_PICTURES_PER_S });
    ({ before, after } = played);
    problems.push(...played.problems, ...judge(protocol, after));
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
    after = await stats(page).catch(() => null);
  }
  await screenshot(page, shots, protocol);
  await page.close();
  return { ok: problems.length === 0, protocol, start_ms: startMs, before, after, problems };
}

/** What is wrong with the player that has played. */
function judge(protocol, after) {
  const problems = [];
  if (after.protocol !== protocol) problems.push(`the page chose ${after.protocol}`);
  if (after.fatal) problems.push('the player stopped for good');
  problems.push(...after.errors.filter(({ fatal }) => fatal).map(({ message }) => `fatal error: ${message}`));
  return problems;
}
