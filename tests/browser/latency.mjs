// Measures the latency from the encoder's clock to the screen, by the players of the watch page in headless Chromium.
//
//   node tests/browser/latency.mjs GATEWAY PART_MS[,PART_MS...] PROTOCOL[,PROTOCOL...] DIR
//
// For each length of parts it starts a gateway of its own (the binary GATEWAY) and publishes pictures with a clock burnt in (clock.mjs).
// Players play one after the other, PLAY_S seconds (60) each after SETTLE_S (5) to find their place. Prints one line of JSON for each play,
// all times in milliseconds; `ok` says that it played so long without a stall. Latency is told, never judged. Logs and screenshots go
// to DIR. Ends with 1 when a play failed, with 2 when it was called wrongly.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { publishClock, takeNotes, watchClock } from './clock.mjs';
import { freePort, isOk, openBrowser, openPage, screenshot, start, stats, until, untilPlaying } from './lib.mjs';

const PLAY_S = Number(process.env.PLAY_S ?? 60);
const SETTLE_S = Number(process.env.SETTLE_S ?? 5);
/** A player shows at least this share of the pictures' time, or it has not played. */
const MIN_ADVANCE = 0.9;
/** Pictures whose clock could be read, of all. */
const MIN_READ = 0.9;

const [gateway, parts, protocols, directory] = process.argv.slice(2);
if (directory === undefined) {
  console.error('usage: latency.mjs GATEWAY PART_MS[,PART_MS...] PROTOCOL[,PROTOCOL...] DIR');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

let failed = false;
const browser = await openBrowser();
try {
  for (const partMs of parts.split(',')) await measure(partMs);
} catch (error) {
  console.log(JSON.stringify({ ok: false, problems: [error.message] }));
  failed = true;
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);

/** All players at one length of parts. */
async function measure(partMs) {
  const rtmp = `127.0.0.1:${await freePort()}`;
  const origin = `http://127.0.0.1:${await freePort()}`;
  const log = (what) => join(directory, `${what}-${partMs}.log`);
  const env = { ...process.env, SLUICEGATE_SEGMENTS_PART_MS: partMs };
  const server = start(gateway, ['serve', '--rtmp', rtmp, '--http', new URL(origin).host], log('gateway'), { env });
  let source = null;
  try {
    await until(() => isOk(`${origin}/healthz`), 'the gateway is up');
    source = publishClock(`rtmp://${rtmp}/live/clock`, log('publisher'));
    await until(() => isOk(`${origin}/live/clock/index.m3u8`), 'the stream is live');
    for (const protocol of protocols.split(',')) {
      const result = await play(origin, source, Number(partMs), protocol);
      console.log(JSON.stringify(result));
      failed ||= !result.ok;
    }
  } finally {
    await source?.end();
    await server.end();
  }
}

async function play(origin, source, partMs, protocol) {
  const { page, problems } = await openPage(browser.context, origin);
  const result = { ok: false, protocol, part_ms: partMs, play_s: PLAY_S };
  try {
    const opened = Date.now();
    await page.goto(`${origin}/watch/live/clock?protocol=${protocol}`);
    await untilPlaying(page);
    result.start = Date.now() - opened;
    await page.waitForTimeout(SETTLE_S * 1000);
    source.lateness();
    const before = await stats(page);
    await watchClock(page);
    const began = Date.now();
    await page.waitForTimeout(PLAY_S * 1000);
    const after = await stats(page);
    const seconds = (Date.now() - began) / 1000;
    const notes = await takeNotes(page);
    Object.assign(result, told(notes, source.lateness()), { settings: await page.evaluate(() => window.__player.settings) });
    problems.push(...judge(before, after, seconds, notes, protocol));
  } catch (error) {
    problems.push(error.message.split('\n')[0]);
  }
  await screenshot(page, directory, `latency-${partMs}-${protocol}`);
  await page.close();
  return { ...result, ok: problems.length === 0, problems };
}

/** What there is to tell of a play. */
function told(notes, sourceLate) {
  return {
    latency: spread(notes.latencies),
    by_player: spread(notes.own),
    buffer: spread(notes.ahead),
    stalls: notes.stalls,
    longest_still: notes.longestMs,
    seeks: notes.seeks,
    rates: notes.rates,
    at_other_rates: share(notes.off, notes.latencies.length + notes.misread),
    pictures: notes.latencies.length + notes.misread,
    misread: notes.misread,
    dropped: notes.dropped,
    source_late: sourceLate,
  };
}

/** `null` where nothing was measured, as by a player that does not tell. */
function spread(values) {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { min: sorted[0], median: at(0.5), p95: at(0.95), max: sorted.at(-1) };
}

function share(part, whole) {
  return whole === 0 ? 0 : Number((part / whole).toFixed(2));
}

function judge(before, after, seconds, notes, protocol) {
  const problems = after.errors.filter(({ fatal }) => fatal).map(({ message }) => `fatal error: ${message}`);
  if (after.protocol !== protocol) problems.push(`the page chose ${after.protocol}`);
  if (notes.stalls.length > 0) problems.push(`stalled for ${notes.stalls.join(', ')} ms`);
  const advanced = after.currentTime - before.currentTime;
  if (advanced < seconds * MIN_ADVANCE) problems.push(`the playhead advanced ${advanced.toFixed(2)} s in ${seconds.toFixed(2)} s`);
  const shown = notes.latencies.length + notes.misread;
  if (notes.latencies.length < shown * MIN_READ || notes.latencies.length === 0) problems.push(`${notes.misread} of ${shown} clocks could not be read`);
  return problems;
}
