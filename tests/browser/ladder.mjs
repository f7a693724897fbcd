// Changes between the pictures and the sounds of a stream that its encoder sends as a ladder, with each of the libraries.
//
//   node tests/browser/ladder.mjs BASE_URL APP/NAME WIDTHS SOUNDS [SCREENSHOT_DIR]
//
// WIDTHS are those of the video tracks with commas between, SOUNDS is the number of audio tracks. Prints one line of JSON for each play;
// ends with 1 when any of them failed, with 2 when it was called wrongly.

import { openBrowser, openPage, screenshot } from './lib.mjs';
import { openPlayer, PLAYERS, untilSeen, walk } from './players.mjs';

/** How long a player may take to change the sound. */
const CHANGE_MS = 30_000;

const [base, stream, widths, sounds, shots] = process.argv.slice(2);
if (sounds === undefined) {
  console.error('usage: ladder.mjs BASE_URL APP/NAME WIDTHS SOUNDS [SCREENSHOT_DIR]');
  process.exit(2);
}
const expected = { widths: widths.split(',').map(Number).sort((a, b) => a - b), sounds: Number(sounds) };
const { origin } = new URL(base);

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

async function play(page, player, seen) {
  await openPlayer(page, player, `${origin}/${stream}`);
  await untilSeen(page, null);
  const offered = await page.evaluate(() => ({ widths: window.ladder.widths(), sounds: window.ladder.sounds() }));
  Object.assign(seen, offered);
  if (JSON.stringify(offered) !== JSON.stringify(expected)) throw new Error(`offered are ${JSON.stringify(offered)}`);
  seen.stood_ms = await walk(page, expected.widths);
  for (let sound = expected.sounds - 1; sound >= 0; sound -= 1) {
    await page.evaluate((wanted) => window.ladder.listen(wanted), sound);
    await page.waitForFunction((wanted) => window.ladder.sound() === wanted, sound, { timeout: CHANGE_MS });
    await untilSeen(page, null);
  }
}
