// Walks through the pages as a person would: from the list to a stream, to another protocol, to an address to copy; and plays the page
// that needs no build.
//
//   node tests/browser/pages.mjs BASE_URL APP/NAME [SCREENSHOT_DIR]
//
// Prints one line of JSON for each walk; ends with 1 when any of them failed, with 2 when it was called wrongly.

import { fileURLToPath } from 'node:url';

import { openBrowser, openPage, screenshot, stats, until, untilPlaying } from './lib.mjs';

/** One for each exit, the two to embed, and the line for a library. */
const ADDRESSES = 9;

const [base, stream, shots] = process.argv.slice(2);
if (base === undefined || stream === undefined) {
  console.error('usage: pages.mjs BASE_URL APP/NAME [SCREENSHOT_DIR]');
  process.exit(2);
}
const { origin } = new URL(base);
const browser = await openBrowser();
await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin });
let failed = false;
try {
  for (const [name, walk] of Object.entries({ list, chooser, another, addresses, nothing, fallback })) {
    const { page, problems } = await openPage(browser.context, origin, (url) => url === `${origin}/${stream}` || url.endsWith('/favicon.ico'));
    await walk(page, problems).catch((error) => problems.push(error.message.split('\n')[0]));
    await screenshot(page, shots, `page-${name}`);
    await page.close();
    console.log(JSON.stringify({ ok: problems.length === 0, walk: name, problems }));
    failed ||= problems.length > 0;
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

/** The list shows the stream and leads to it. */
async function list(page) {
  await page.goto(`${origin}/`);
  const link = page.getByRole('heading', { name: stream.split('/').at(-1) }).getByRole('link');
  await link.waitFor();
  await screenshot(page, shots, 'page-index');
  await link.click();
  await untilPlaying(page);
}

/** Another protocol is chosen while one plays; the address of the page follows. */
async function chooser(page, problems) {
  await page.goto(`${origin}/watch/${stream}?protocol=ws-fmp4`);
  await untilPlaying(page);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Protocol').selectOption('http-flv');
  await until(async () => {
    const now = await stats(page);
    return now.protocol === 'http-flv' && now.state === 'Playing' && now.decoded > 0;
  }, 'the other protocol plays');
  if (!page.url().endsWith('?protocol=http-flv')) problems.push(`the page's address is still ${page.url()}`);
  problems.push(...(await stats(page)).errors.map(({ message }) => message));
}

/** Where WebSockets do not come through, the page turns to another protocol by itself; where one was asked for, it does not. */
async function another(page, problems) {
  await page.routeWebSocket('**', (socket) => { void socket.close({ code: 1011 }); });
  await page.goto(`${origin}/watch/${stream}`);
  await untilPlaying(page);
  const { protocol } = await stats(page);
  if (protocol !== 'hls') problems.push(`the page chose ${protocol}`);
  // By the keyboard alone: in, and out again.
  const settings = page.getByRole('button', { name: 'Settings' });
  await settings.press('Enter');
  await page.locator('#protocol option', { hasText: 'Automatic: HLS' }).waitFor({ state: 'attached' });
  if (!(await page.getByLabel('Protocol').evaluate((field) => field === document.activeElement))) problems.push('the settings are not where the keyboard is');
  await page.keyboard.press('Escape');
  if (await page.getByRole('group', { name: 'Settings' }).isVisible()) problems.push('Escape does not close the settings');
  if (!(await settings.evaluate((button) => button === document.activeElement))) problems.push('the keyboard has lost its place');
}

/** Every exit has an address that can be copied and, where it is a list, read. */
async function addresses(page, problems) {
  await page.goto(`${origin}/watch/${stream}`);
  await untilPlaying(page);
  await page.getByText('Addresses for players and pages').click();
  const rows = page.locator('.exits .copy');
  if ((await rows.count()) !== ADDRESSES) problems.push(`${await rows.count()} addresses instead of ${ADDRESSES}`);
  for (const row of await rows.all()) {
    const address = await row.getByRole('textbox').inputValue();
    await row.getByRole('button').click();
    await row.getByText('Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    if (copied !== address) problems.push(`${address} was copied as ${copied}`);
    if (!/\.(m3u8|mpd)$/.test(address)) continue;
    const answer = await fetch(address);
    if (!answer.ok) problems.push(`${address} answers ${answer.status}`);
  }
  await screenshot(page, shots, 'page-exits');
  await library(page, await page.getByRole('textbox', { name: 'mpegts.js' }).inputValue());
}

/** The line for the library plays in a page that has nothing but the library. */
async function library(page, line) {
  await page.goto(`${origin}/healthz`);
  await page.setContent('<video muted></video>');
  await page.addScriptTag({ path: fileURLToPath(new URL('../../web/node_modules/mpegts.js/dist/mpegts.js', import.meta.url)) });
  await page.evaluate((words) => {
    const player = (0, eval)(words);
    player.attachMediaElement(document.querySelector('video'));
    player.load();
    void player.play();
  }, line);
  await page.waitForFunction(() => document.querySelector('video').currentTime > 1);
}

/** An address where nothing is leads to what there is: by the list, and where it names a stream, to that. */
async function nothing(page, problems) {
  const answer = await page.goto(`${origin}/${stream}`);
  if (answer.status() !== 404) problems.push(`the page is answered ${answer.status()}`);
  await page.getByRole('note').getByRole('link', { name: stream }).waitFor();
  await page.getByRole('list').getByRole('link', { name: stream }).click();
  await untilPlaying(page);
}

/** The page without the libraries plays by our own player and says what is missing. */
async function fallback(page, problems) {
  const file = fileURLToPath(new URL('../../web/fallback/watch.html', import.meta.url));
  // A document that did not come from the gateway may not otherwise open a socket to this machine.
  await browser.context.grantPermissions(['local-network-access'], { origin });
  await page.route(`**/watch/${stream}*`, (route) => route.fulfill({ path: file }));
  await page.goto(`${origin}/watch/${stream}`);
  await untilPlaying(page);
  await page.getByText('Built without the player libraries').waitFor();
  const now = await stats(page);
  if (now.protocol !== 'ws-fmp4') problems.push(`the page chose ${now.protocol}`);
  const disabled = await page.locator('#protocol option:disabled').count();
  if (disabled === 0) problems.push('players that are not built in are offered');
}
