// A clock burnt into pictures, and what reads it again from a video element: the way of a picture from the encoder to the screen.
//
// Each picture carries, as a row of black and white blocks, the milliseconds of the wall clock at the moment when it was handed to the
// encoder. Source and page run on one machine, so both read the same clock.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

const WIDTH = 640;
const HEIGHT = 360;
/** Pictures a second, and between two keyframes. */
const FPS = 30;
const GOP = 60;
const SAMPLE_RATE = 48_000;
/** A frequency of which every picture's time holds a whole number of periods. */
const TONE_HZ = 440 - (440 % FPS);
/** Milliseconds modulo 2^24, some four hours, and eight bits by which a misread clock is known. */
const BITS = 24;
const CHECK_BITS = 8;
const BLOCK = WIDTH / (BITS + CHECK_BITS);
/** Black and white of studio range. */
const [BLACK, WHITE] = [16, 235];

/** How the source is encoded: no lookahead and no B-frames, as for a call. */
export const ENCODER = [
  '-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-bf', '0', '-g', String(GOP), '-keyint_min', String(GOP),
  '-sc_threshold', '0', '-b:v', '1500k', '-maxrate', '1500k', '-bufsize', '1500k', '-c:a', 'aac', '-b:a', '96k',
];

/**
 * Publishes the clock, with a tone, to an RTMP address by ffmpeg. `lateness` tells how late pictures were handed over at worst, which is no
 * player's fault.
 */
export function publishClock(url, log) {
  const raw = [
    '-f', 'rawvideo', '-pixel_format', 'yuv420p', '-video_size', `${WIDTH}x${HEIGHT}`, '-framerate', String(FPS), '-i', 'pipe:0',
    '-f', 's16le', '-ar', String(SAMPLE_RATE), '-ac', '1', '-i', 'pipe:3',
  ];
  const options = ['-nostdin', '-loglevel', 'warning', ...raw, '-map', '0:v', '-map', '1:a', ...ENCODER, '-flush_packets', '1', '-f', 'flv', url];
  const child = spawn('ffmpeg', options, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'] });
  child.stderr.pipe(createWriteStream(log, { flags: 'a' }));
  // An encoder that has gone is seen by its stream.
  for (const pipe of [child.stdin, child.stdio[3]]) pipe.on('error', () => {});
  const [picture, background, sound] = [newPicture(), newBackground(), newTone()];
  let worstMs = 0;
  let count = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    for (;;) {
      const lateMs = performance.now() - began - (count * 1000) / FPS;
      if (lateMs < 0) return;
      worstMs = Math.max(worstMs, lateMs);
      background.draw(picture, count);
      stamp(picture, Date.now());
      child.stdin.write(Buffer.from(picture));
      child.stdio[3].write(sound);
      count += 1;
    }
  }, 2);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  return {
    /** The worst since it was last asked for, milliseconds. */
    lateness() {
      const worst = Math.round(worstMs);
      worstMs = 0;
      return worst;
    },
    async end() {
      clearInterval(timer);
      child.kill('SIGKILL');
      return gone;
    },
  };
}

/** A grey picture in YUV 4:2:0. */
function newPicture() {
  return new Uint8Array((WIDTH * HEIGHT * 3) / 2).fill(128);
}

/** Something that moves, so that the encoder has work: a texture that scrolls by. */
function newBackground() {
  const period = 2 * WIDTH;
  const wave = (x, y) => Math.sin((x * 2 * Math.PI * 3) / period) * Math.cos(y / 23) + 0.4 * Math.sin((x * 2 * Math.PI * 29) / period + y / 5);
  const texture = Uint8Array.from({ length: period * HEIGHT }, (_, i) => 120 + 60 * wave(i % period, Math.floor(i / period)));
  return {
    draw(picture, count) {
      const from = (count * 4) % WIDTH;
      for (let y = BLOCK; y < HEIGHT; y += 1) picture.set(texture.subarray(y * period + from, y * period + from + WIDTH), y * WIDTH);
    },
  };
}

/** The sound of one picture's time. */
function newTone() {
  const samples = Int16Array.from({ length: SAMPLE_RATE / FPS }, (_, i) => 4000 * Math.sin((2 * Math.PI * TONE_HZ * i) / SAMPLE_RATE));
  return Buffer.from(samples.buffer);
}

/** Writes the clock over the top of a picture. */
function stamp(picture, unixMs) {
  const ms = unixMs % 2 ** BITS;
  const code = ms * 2 ** CHECK_BITS + checksum(ms);
  for (let block = 0; block < BITS + CHECK_BITS; block += 1) {
    const isOne = Math.floor(code / 2 ** (BITS + CHECK_BITS - 1 - block)) % 2 === 1;
    for (let y = 0; y < BLOCK; y += 1) picture.fill(isOne ? WHITE : BLACK, y * WIDTH + block * BLOCK, y * WIDTH + (block + 1) * BLOCK);
  }
}

/** Not zero for zero: neither a black nor a white picture is a clock. */
function checksum(ms) {
  return ((ms >> 16) + (ms >> 8) + ms + 0x5a) & 0xff;
}

/** Begins to note, in a page that plays, what its video element shows. */
export function watchClock(page) {
  return page.evaluate(noteInPage, { width: WIDTH, block: BLOCK, bits: BITS, checkBits: CHECK_BITS });
}

/** Ends that; gives what was noted. */
export function takeNotes(page) {
  return page.evaluate(() => window.__clock.take());
}

/** Runs in the page. */
function noteInPage({ width, block, bits, checkBits }) {
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(width, block);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const notes = { latencies: [], own: [], ahead: [], misread: 0, rates: [1, 1], off: 0, stalls: [], seeks: 0, longestMs: 0 };
  const quality = video.getVideoPlaybackQuality();
  const stop = new AbortController();
  const { signal } = stop;
  let lastMs = performance.now();
  let stalled = null;

  /** The clock in what the element shows now; null where it cannot be read. */
  const readClock = () => {
    context.drawImage(video, 0, 0, width, block, 0, 0, width, block);
    const { data } = context.getImageData(0, 0, width, block);
    const at = (x, y) => data[(y * width + x) * 4];
    let code = 0;
    for (let i = 0; i < bits + checkBits; i += 1) {
      const [x, y] = [i * block + (block >> 1), block >> 1];
      const light = (at(x - 2, y - 2) + at(x + 2, y - 2) + at(x - 2, y + 2) + at(x + 2, y + 2)) / 4;
      code = code * 2 + Number(light > 127);
    }
    const ms = Math.floor(code / 2 ** checkBits);
    const check = ((ms >> 16) + (ms >> 8) + ms + 0x5a) & 0xff;
    return code % 2 ** checkBits === check ? ms : null;
  };
  const shown = (now, { expectedDisplayTime }) => {
    if (signal.aborted) return;
    video.requestVideoFrameCallback(shown);
    // A picture is on the screen with the next refresh, which the browser foretells.
    const unixMs = Date.now() + Math.max(0, expectedDisplayTime - performance.now());
    const ms = readClock();
    if (ms === null) notes.misread += 1;
    else notes.latencies.push(Math.round((((unixMs - ms) % 2 ** bits) + 2 ** bits) % 2 ** bits));
    notes.longestMs = Math.max(notes.longestMs, now - lastMs);
    lastMs = now;
    const { playbackRate: rate, buffered, currentTime } = video;
    notes.rates = [Math.min(notes.rates[0], rate), Math.max(notes.rates[1], rate)];
    notes.off += Number(rate !== 1);
    if (buffered.length > 0) notes.ahead.push(Math.round((buffered.end(buffered.length - 1) - currentTime) * 1000));
  };
  video.addEventListener('seeking', () => { notes.seeks += 1; }, { signal });
  video.addEventListener('waiting', () => { stalled ??= performance.now(); }, { signal });
  const goesOn = () => {
    if (stalled === null) return;
    notes.stalls.push(Math.round(performance.now() - stalled));
    stalled = null;
  };
  video.addEventListener('playing', goesOn, { signal });
  const timer = setInterval(() => {
    const own = window.__player.stats().latency_ms;
    if (own !== null) notes.own.push(own);
  }, 250);
  video.requestVideoFrameCallback(shown);
  window.__clock = {
    take() {
      goesOn();
      stop.abort();
      clearInterval(timer);
      const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
      const longestMs = Math.max(notes.longestMs, performance.now() - lastMs);
      return {
        ...notes,
        longestMs: Math.round(longestMs),
        decoded: totalVideoFrames - quality.totalVideoFrames,
        dropped: droppedVideoFrames - quality.droppedVideoFrames,
      };
    },
  };
}
