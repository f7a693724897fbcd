// Plays a live stream from the watch page by each protocol, in headless Chromium, and says how it went.
//
//   node tests/browser/watch.mjs BASE_URL APP/NAME PROTOCOL[,PROTOCOL...] [SCREENSHOT_DIR]
//
// Prints one line of JSON for each protocol; ends with 1 when any of them failed, with 2 when it was called wrongly.
// Needs `npm ci` in web/. CHROMIUM names the browser when it is not /usr/bin/chromium; PLAY_MS sets how long each protocol plays,
// START_MS how long it may take to begin.

import { openBrowser, openPage, screenshot, stats, untilPlaying } from './lib.mjs';

const PLAY_MS = Number(process.env.PLAY_MS ?? 8000);

/** The playhead may lose this share of the time to starting, seeking to the edge and a busy machine;
 *  a browser's own progressive player pauses to gather a buffer. */
const MIN_ADVANCE = 0.5;

/** At least this many pictures a second, whatever the stream's rate. */
const MIN_PICTURES_PER_S = 5;

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
    before = await stats(page);
    const began = Date.now();
    await page.waitForTimeout(PLAY_MS);
    after = await stats(page);
    problems.push(...judge(protocol, before, after, (Date.now() - began) / 1000));
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
    after = await stats(page).catch(() => null);
  }
  await screenshot(page, shots, protocol);
  await page.close();
  return { ok: problems.length === 0, protocol, start_ms: startMs, before, after, problems };
}

/** What is wrong with how the time between two looks was spent. */
function judge(protocol, before, after, seconds) {
  const problems = [];
  if (after.protocol !== protocol) problems.push(`the page chose ${after.protocol}`);
  if (after.fatal) problems.push('the player stopped for good');
  problems.push(...after.errors.filter(({ fatal }) => fatal).map(({ message }) => `fatal error: ${message}`));
  const advanced = after.currentTime - before.currentTime;
  if (advanced < seconds * MIN_ADVANCE) problems.push(`the playhead advanced ${advanced.toFixed(2)} s in ${seconds.toFixed(2)} s`);
  const pictures = after.decoded - before.decoded;
  if (pictures < seconds * MIN_PICTURES_PER_S) problems.push(`${pictures} pictures decoded in ${seconds.toFixed(2)} s`);
  return problems;
}
