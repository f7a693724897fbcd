// Looks at the console while streams come and go, and at the embedded player; checks the pages for accessibility.
//
//   node tests/browser/console.mjs GATEWAY CLIP_DIR DIR
//
// Starts a gateway of its own (the binary GATEWAY) and publishes a clip of CLIP_DIR. Screenshots and logs go to DIR. Prints one line of JSON for
// each walk; ends with 1 when any of them failed, with 2 when it was called wrongly.

import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { examples } from './examples.mjs';
import { freePort, isOk, openBrowser, openPage, start, stats, until, untilPlaying } from './lib.mjs';

const library = createRequire(new URL('../../web/package.json', import.meta.url));
const AXE = readFileSync(library.resolve('axe-core/axe.min.js'), 'utf8');

/** How soon a console that is open shows a stream that has gone live. */
const SHOWN_MS = 2000;
/** Opens the streams of a gateway that demands one. */
const TOKEN = 'open-the-sluice-to-me';
const ADMIN_TOKEN = 'open-the-console-to-me-alone';
/** The sizes of a desk, of a phone, and of the narrowest one there is. */
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 }, 'small phone': { width: 320, height: 568 } };

const [gateway, clips, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: console.mjs GATEWAY CLIP_DIR DIR');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

const stage = { rtmp: await freePort(), origin: `http://127.0.0.1:${await freePort()}`, gateway: null, publisher: null };
const browser = await openBrowser();
await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: stage.origin });
let failed = false;
try {
  for (const walk of [appears, addresses, warns, accessible, sizes, poster, embedded, element, returns, token]) {
    const page = await openPage(browser.context, stage.origin, isExpected);
    const [name, seen] = [walk.name, {}];
    await walk(page, seen).catch((error) => page.problems.push(error.message.split('\n')[0]));
    if (page.problems.length > 0) await page.page.screenshot({ path: join(directory, `console-${name}.png`) }).catch(() => {});
    await page.page.close();
    console.log(JSON.stringify({ ok: page.problems.length === 0, walk: name, ...seen, problems: page.problems }));
    failed ||= page.problems.length > 0;
  }
} finally {
  await browser.close();
  await stage.publisher?.end('SIGKILL');
  await stage.gateway?.end('SIGTERM');
}
process.exit(failed ? 1 : 0);

/** A page that is not ours has no icon; while the gateway is away requests fail. A browser says so on the console. */
function isExpected(url, text) {
  return url.endsWith('/favicon.ico') || (stage.interrupted && /Failed to load|ERR_|WebSocket connection/.test(text));
}

async function serve(environment = {}) {
  const options = ['serve', '--rtmp', `127.0.0.1:${stage.rtmp}`, '--http', new URL(stage.origin).host];
  stage.gateway = start(gateway, options, join(directory, 'gateway.log'), { env: { ...process.env, ...environment } });
  await until(() => isOk(`${stage.origin}/healthz`), 'the gateway is up');
}

function publish() {
  const from = ['-re', '-stream_loop', '-1', '-i', join(clips, 'bframes.mp4'), '-c', 'copy', '-f', 'flv'];
  stage.publisher = start('ffmpeg', ['-nostdin', '-loglevel', 'warning', ...from, `rtmp://127.0.0.1:${stage.rtmp}/live/show`], join(directory, 'publisher.log'));
}

function card(page) {
  return page.getByRole('article', { name: 'live/show' });
}

/** An empty console tells how to publish; then a stream comes, with its figures and a picture. */
async function appears({ page }, seen) {
  await serve();
  await page.goto(stage.origin);
  await page.getByText('Nothing is live yet').waitFor();
  await page.screenshot({ path: join(directory, 'empty-desktop.png') });
  publish();
  await until(async () => {
    const list = await fetch(`${stage.origin}/api/v1/streams`).then((answer) => answer.json());
    return list.streams[0]?.state === 'live';
  }, 'the stream is live');
  const live = Date.now();
  await card(page).waitFor({ timeout: SHOWN_MS });
  seen.shown_after_ms = Date.now() - live;
  await card(page).getByText(/\d fps/).first().waitFor();
  await card(page).getByText('No problems seen').waitFor();
  await isDrawn(page, '.thumbnail canvas');
}

/** Until a picture is drawn: some of its points are not black. */
async function isDrawn(page, selector) {
  await page.waitForFunction((selector) => {
    const canvas = document.querySelector(selector);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return canvas.width > 300 && data.some((value, at) => at % 4 !== 3 && value > 60);
  }, selector, { timeout: 20_000, polling: 500 });
}

async function addresses({ page, problems }) {
  await page.goto(stage.origin);
  await card(page).getByText('Addresses').click();
  for (const row of await card(page).locator('.copy').all()) {
    const address = await row.getByRole('textbox').inputValue();
    await row.getByRole('button').click();
    await row.getByText('Copied').waitFor();
    if ((await page.evaluate(() => navigator.clipboard.readText())) !== address) problems.push(`${address} was not copied`);
  }
  await card(page).getByRole('button', { name: 'QR code' }).click();
  const watch = `${stage.origin}/watch/live/show`;
  await page.getByRole('img', { name: `QR code of ${watch}` }).waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
}

/** B-frames are nobody's trouble until somebody watches with low latency. */
async function warns({ page, problems }) {
  await page.goto(stage.origin);
  await card(page).waitFor();
  if (await page.getByText('The encoder sends B-frames').isVisible()) problems.push('B-frames are warned of though nobody watches');
  const watcher = await openPage(browser.context, stage.origin);
  await watcher.page.goto(`${stage.origin}/watch/live/show?protocol=ws-fmp4`);
  await untilPlaying(watcher.page);
  await page.getByText('The encoder sends B-frames').waitFor();
  await page.getByText('set Tune to zerolatency').waitFor();
  await card(page).getByText('WS-fMP4 1').waitFor();
  problems.push(...watcher.problems);
  await watcher.page.close();
}

/** By the rules of axe-core, in both colours. */
async function accessible({ page, problems }) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    for (const path of ['/', '/watch/live/show', '/embed/live/show', '/embed/live/show?autoplay=0', '/watch/live', '/embed/live']) {
      await page.goto(stage.origin + path);
      if (path === '/') await card(page).waitFor();
      else if (path.endsWith('?autoplay=0')) await isDrawn(page, '.poster canvas');
      else if (path.endsWith('/show')) {
        await untilPlaying(page);
        await page.getByRole('button', { name: 'Settings' }).click();
        await page.getByRole('button', { name: 'Statistics' }).click();
      }
      // Run by the debugger, which no policy of the page holds back.
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      problems.push(...violations.map(({ id, nodes }) => `${path} (${colorScheme}): ${id} at ${nodes.map(({ target }) => target).join(', ')}`));
    }
  }
}

/** Pictures of the pages, and nothing that is wider than the screen or than its own box. */
async function sizes({ page, problems }) {
  for (const [name, size] of Object.entries(SIZES)) {
    await page.setViewportSize(size);
    for (const [what, path, colorScheme] of [['console', '/', 'light'], ['player', '/watch/live/show', 'dark']]) {
      await page.emulateMedia({ colorScheme });
      await page.goto(stage.origin + path);
      if (what === 'player') {
        await untilPlaying(page);
        // The narrowest has no room for them.
        if (name !== 'small phone') {
          await page.getByRole('button', { name: 'Statistics' }).click();
          await page.getByText('since the gateway had it').waitFor();
        }
      } else {
        await card(page).getByText(/\d fps/).first().waitFor();
        await isDrawn(page, '.thumbnail canvas');
      }
      await page.mouse.move(size.width / 2, 200);
      await page.screenshot({ path: join(directory, `${what}-${name.replace(' ', '-')}.png`) });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) problems.push(`${what} is ${wide} pixels too wide at the size of a ${name}`);
      const cut = await page.locator('.chart .term').evaluateAll((terms) => terms.filter((term) => term.scrollWidth > term.clientWidth).map(({ innerText }) => innerText));
      if (cut.length > 0) problems.push(`cut off at the size of a ${name}: ${cut.join(', ')}`);
    }
  }
}

/** A small frame that does not begin by itself shows what there is to see; its buttons stay within it once it plays. */
async function poster({ page, problems }) {
  const [width, height] = [320, 180];
  await page.setViewportSize({ width, height });
  await page.goto(`${stage.origin}/embed/live/show?autoplay=0&protocol=ws-fmp4`);
  await isDrawn(page, '.poster canvas');
  if ((await stats(page)).decoded > 0) problems.push('it plays before it is told to');
  await page.screenshot({ path: join(directory, 'embed-poster.png') });
  await page.getByRole('button', { name: 'Play' }).click();
  await untilPlaying(page);
  if (await page.locator('.poster').count() > 0) problems.push('the poster stays');
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.screenshot({ path: join(directory, 'embed-small.png') });
  for (const part of await page.locator('.controls button:visible, .choices').all()) {
    const box = await part.boundingBox();
    if (box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height) problems.push(`${await part.ariaSnapshot()} leaves the frame`);
  }
}

/** A page around the frame gives orders and hears what comes of them. */
async function embedded({ page, problems }) {
  await page.goto(`${stage.origin}/healthz`);
  await page.evaluate((src) => {
    window.told = [];
    window.addEventListener('message', ({ data }) => { if (data.from === 'sluicegate') window.told.push(data); });
    const frame = document.createElement('iframe');
    Object.assign(frame, { src, allow: 'autoplay', width: 640, height: 360 });
    document.body.replaceChildren(frame);
  }, `${stage.origin}/embed/live/show?muted=1&protocol=ws-fmp4`);
  const told = (test) => page.waitForFunction(test, null, { timeout: 20_000, polling: 100 });
  await told(() => window.told.some(({ event, playing, muted }) => event === 'state' && playing && muted));
  const order = (what, value) => page.evaluate(([order, given]) => {
    document.querySelector('iframe').contentWindow.postMessage({ to: 'sluicegate', do: order, value: given }, '*');
  }, [what, value]);
  await order('pause');
  await told(() => window.told.at(-1).playing === false);
  await order('play');
  await order('unmute');
  await told(() => window.told.at(-1).playing && window.told.at(-1).muted === false);
  await order('protocol', 'hls');
  await told(() => window.told.at(-1).playing && window.told.at(-1).protocol === 'hls');
  await order('stats');
  await told(() => window.told.some(({ event, decoded }) => event === 'stats' && decoded > 0));
  const events = await page.evaluate(() => window.told.map(({ event }) => event));
  if (events[0] !== 'ready') problems.push(`the first event is ${events[0]}`);
}

/** Pages of another origin show the stream by the web component, as the README tells users of plain HTML, of React and of Vue. */
async function element({ page, problems }) {
  const made = await examples(stage.origin, 'live/show');
  const other = createServer((request, answer) => {
    const [name, kind] = request.url.slice(1).split('.');
    answer.setHeader('content-type', kind === 'js' ? 'text/javascript' : 'text/html').end(made[name]?.[kind === 'js' ? 'script' : 'html']);
  });
  await new Promise((resolve) => { other.listen(0, '127.0.0.1', resolve); });
  try {
    const { port } = other.address();
    // Those pages, their scripts and icons are the one thing that does not come from the gateway.
    const expected = (text) => text.includes(`127.0.0.1:${port}`);
    await browser.context.grantPermissions(['local-network-access'], { origin: `http://127.0.0.1:${port}` });
    for (const name of Object.keys(made)) {
      await page.goto(`http://127.0.0.1:${port}/${name}`);
      await page.waitForFunction(() => document.querySelector('sluicegate-player')?.stats?.decoded > 30, null, { timeout: 20_000, polling: 100 })
        .catch(() => problems.push(`the example for ${name} does not play`));
    }
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.waitForFunction(() => document.querySelector('sluicegate-player').video.paused);
    problems.splice(0, problems.length, ...problems.filter((text) => !expected(text)));
  } finally {
    other.close();
  }
}

/** The gateway goes and comes back: the console and a watch page that stand open go on by themselves. */
async function returns({ page, problems }, seen) {
  const watcher = await openPage(browser.context, stage.origin, isExpected);
  await page.goto(stage.origin);
  await card(page).waitFor();
  await watcher.page.goto(`${stage.origin}/watch/live/show`);
  await untilPlaying(watcher.page);
  stage.interrupted = true;
  await stage.publisher.end('SIGKILL');
  await stage.gateway.end('SIGTERM');
  await page.getByText('The gateway does not answer').waitFor();
  await serve();
  publish();
  const back = Date.now();
  await page.getByText('Up to date').waitFor();
  await card(page).waitFor();
  const { decoded } = await stats(watcher.page);
  await until(async () => {
    const now = await stats(watcher.page);
    return now.state === 'Playing' && now.decoded !== decoded;
  }, 'the watch page plays again');
  seen.back_after_ms = Date.now() - back;
  problems.push(...watcher.problems);
}

/** Whoever comes to a stream that demands a token, from the console or by a bare address, is asked for it. */
async function token({ page, problems }) {
  stage.interrupted = true;
  await stage.publisher.end('SIGKILL');
  await stage.gateway.end('SIGTERM');
  await serve({ SLUICEGATE_APPS_LIVE_PLAY: 'token', SLUICEGATE_APPS_LIVE_TOKENS: TOKEN, SLUICEGATE_HTTP_ADMIN_TOKEN: ADMIN_TOKEN });
  publish();
  await page.goto(stage.origin);
  await page.getByText('This list is for operators').waitFor();
  for (const given of ['a wrong one', ADMIN_TOKEN]) {
    await page.getByLabel('Admin token').fill(given);
    await page.getByLabel('Admin token').press('Enter');
    if (given !== ADMIN_TOKEN) await page.getByText('This token does not open the list').waitFor();
  }
  await card(page).getByRole('link', { name: 'Watch', exact: true }).click();
  for (const [asked, given] of [['This stream demands a token', 'a wrong one'], ['Another token', TOKEN]]) {
    await page.getByLabel(asked).fill(given);
    await page.getByLabel(asked).press('Enter');
  }
  await untilPlaying(page);
  if (!page.url().endsWith(`?token=${TOKEN}`)) problems.push(`the page's address is ${page.url()}`);
  if (await page.getByLabel('Another token').isVisible()) problems.push('the page still asks for a token');
}
