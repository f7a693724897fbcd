// Plays a live stream from the watch page by each protocol, in headless Chromium, and says how it went.
//
//   node tests/browser/watch.mjs BASE_URL APP/NAME PROTOCOL[,PROTOCOL...] [SCREENSHOT_DIR]
//
// Prints one line of JSON for each protocol; ends with 1 when any of them failed, with 2 when it was called wrongly.
// Needs `npm ci` in web/. CHROMIUM names the browser when it is not /usr/bin/chromium; PLAY_MS sets how long each protocol plays,
// START_MS how long it may take to begin.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { chromium } = createRequire(new URL('../../web/package.json', import.meta.url))('playwright-core');

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];
const PLAY_MS = Number(process.env.PLAY_MS ?? 8000);
const START_MS = Number(process.env.START_MS ?? 30_000);

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
if (shots !== undefined) mkdirSync(shots, { recursive: true });

const profile = mkdtempSync(join(tmpdir(), 'watch-profile-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: FLAGS,
  viewport: { width: 1100, height: 1000 },
});
let failed = false;
try {
  for (const protocol of list.split(',')) {
    const result = await watch(protocol);
    console.log(JSON.stringify(result));
    failed ||= !result.ok;
  }
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

/** Watches by one protocol in a page of its own. */
async function watch(protocol) {
  const page = await context.newPage();
  const problems = [];
  const origin = new URL(base).origin;
  const isOurs = (url) => {
    const { protocol: scheme, host } = new URL(url);
    return scheme === 'data:' || scheme === 'blob:' || host === new URL(origin).host;
  };
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    if (!isOurs(request.url())) problems.push(`request to a stranger: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (!isOurs(socket.url())) problems.push(`socket to a stranger: ${socket.url()}`);
  });

  const stats = () => page.evaluate(() => ({ ...window.__player.stats(), protocol: window.__player.protocol, state: window.__player.state }));
  let startMs = null;
  let before = null;
  let after = null;
  try {
    const opened = Date.now();
    await page.goto(`${origin}/watch/${stream}?protocol=${protocol}`);
    await page.waitForFunction(
      () => {
        const now = window.__player?.stats();
        return now !== undefined && (now.fatal || (now.decoded > 0 && now.currentTime > 0));
      },
      null,
      { timeout: START_MS, polling: 50 },
    );
    startMs = Date.now() - opened;
    before = await stats();
    const began = Date.now();
    await page.waitForTimeout(PLAY_MS);
    after = await stats();
    problems.push(...judge(protocol, before, after, (Date.now() - began) / 1000));
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
    after = await stats().catch(() => null);
  }
  if (shots !== undefined) await page.screenshot({ path: join(shots, `${protocol}.png`), fullPage: true }).catch(() => {});
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
