// What the plays share: a browser, a watched page that notes whatever goes wrong in it, and the processes that a play needs.

import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const library = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = library('playwright-core');

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  // Several pages play side by side; none of them is a background page.
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
];

/** How long a player may take to begin. */
export const START_MS = Number(process.env.START_MS ?? 30_000);

/** A browser with a profile of its own; CHROMIUM names the binary when it is not /usr/bin/chromium. */
export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'watch-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: FLAGS,
    viewport: { width: 1100, height: 1000 },
  });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Firefox as Debian carries it, which playwright does not drive; FIREFOX names the binary when it is not /usr/bin/firefox-esr. */
export async function openFirefox() {
  const browser = await library('puppeteer-core').launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    // Plays with sound without a click, and several windows side by side.
    extraPrefsFirefox: { 'media.autoplay.default': 0, 'media.autoplay.blocking_policy': 0, 'widget.windows.window_occlusion_tracking.enabled': false },
  });
  return { context: browser, close: () => browser.close() };
}

/**
 * A page whose `problems` fill with console errors, uncaught errors and requests to another origin. Console errors about addresses for
 * which `isExpected` holds are left out: a browser logs every answer that is not a success.
 */
export async function openPage(context, origin, isExpected = () => false) {
  const page = await context.newPage();
  const problems = [];
  const host = new URL(origin).host;
  const isOurs = (url) => ['data:', 'blob:'].includes(new URL(url).protocol) || new URL(url).host === host;
  page.on('console', (message) => {
    const { url } = message.location();
    if (message.type() === 'error' && !isExpected(url, message.text())) problems.push(`console: ${message.text()} (${url})`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('request', (request) => {
    if (!isOurs(request.url())) problems.push(`request to a stranger: ${request.url()}`);
  });
  page.on('websocket', (socket) => {
    if (!isOurs(socket.url())) problems.push(`socket to a stranger: ${socket.url()}`);
  });
  return { page, problems };
}

/** What a watch page says about its player now. */
export function stats(page) {
  return page.evaluate(() => ({ ...window.__player.stats(), protocol: window.__player.protocol, state: window.__player.state }));
}

/** Until the page of a watched stream shows pictures, or its player has stopped for good. */
export function untilPlaying(page, timeout = START_MS) {
  return page.waitForFunction(
    () => {
      const now = window.__player?.stats();
      return now !== undefined && (now.fatal || (now.decoded > 0 && now.currentTime > 0));
    },
    null,
    { timeout, polling: 50 },
  );
}

/**
 * Lets a player that has begun play so many seconds of its stream and show so many pictures, however long it takes, or until it has stopped for
 * good: what `look` tells before and after, and what is wrong with that.
 */
export async function playOn(look, { seconds, pictures }, timeoutMs = START_MS) {
  const [began, before] = [Date.now(), await look()];
  for (;;) {
    const after = await look();
    const [advanced, shown] = [after.currentTime - before.currentTime, after.decoded - before.decoded];
    if (after.fatal || (advanced >= seconds && shown >= pictures)) return { before, after, problems: [] };
    if (Date.now() - began > timeoutMs) {
      return { before, after, problems: [`the playhead advanced ${advanced.toFixed(2)} s, with ${shown} pictures, in ${timeoutMs / 1000} s`] };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function screenshot(page, directory, name) {
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true });
  await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true }).catch(() => {});
}

/** A child process with its words in a file; `end` sends a signal and waits until it has gone. */
export function start(command, args, log, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const file = createWriteStream(log, { flags: 'a' });
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const gone = new Promise((resolve) => child.once('exit', (code, signal) => { file.end(); resolve(code ?? signal); }));
  child.once('error', (error) => console.error(`${command}: ${error.message}`));
  return {
    gone,
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      return gone;
    },
  };
}

/** A loopback port on which nobody listens now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Until `condition` holds; throws with `what` when the time is over. */
export async function until(condition, what, timeoutMs = START_MS) {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export function isOk(url) {
  return fetch(url).then(async (response) => {
    await response.body?.cancel();
    return response.ok;
  }, () => false);
}
