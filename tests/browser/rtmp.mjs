// A publisher that says what it likes: FLV from ffmpeg goes to the gateway by RTMP, and script messages with it, as encoders send them.

import { spawn } from 'node:child_process';
import { connect } from 'node:net';

/** Longest chunk that is sent; a message of more takes several. */
const CHUNK = 65_536;
const [SET_CHUNK_SIZE, SCRIPT, COMMAND] = [1, 18, 20];
const TAG_HEAD = 11;
/** Adobe RTMP §5.2: one byte of version, and a block; the server answers with two blocks. */
const BLOCK = 1536;

/**
 * Publishes a clip in real time, again and again.
 *
 * @returns what sends a script message now (`say`), and what ends it (`end`)
 */
export async function publishTalking(port, app, name, clip) {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => {});
  await handshake(socket);
  let now = 0;
  const send = (type, stream, payload) => socket.write(message(type, stream, now, payload));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(CHUNK);
  send(SET_CHUNK_SIZE, 0, size);
  send(COMMAND, 0, amf('connect', 1, { app, tcUrl: `rtmp://127.0.0.1:${port}/${app}`, type: 'nonprivate' }));
  send(COMMAND, 0, amf('createStream', 2, null));
  send(COMMAND, 1, amf('publish', 3, null, name, 'live'));
  // Nobody reads what the server says: it acknowledges, and a refusal shows as an end.
  socket.resume();
  const encoder = spawn('ffmpeg', ['-nostdin', '-loglevel', 'error', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', '-flush_packets', '1', '-'], { stdio: ['ignore', 'pipe', 'inherit'] });
  readTags(encoder.stdout, (type, time, payload) => {
    now = time;
    send(type, 1, payload);
  });
  const gone = new Promise((resolve) => encoder.once('exit', resolve));
  return {
    say: (...values) => send(SCRIPT, 1, amf(...values)),
    async end() {
      encoder.kill('SIGKILL');
      await gone;
      socket.destroy();
    },
  };
}

async function handshake(socket) {
  const hello = Buffer.alloc(1 + BLOCK);
  hello[0] = 3;
  socket.write(hello);
  const answer = await read(socket, 1 + 2 * BLOCK);
  socket.write(answer.subarray(1, 1 + BLOCK));
}

async function read(socket, length) {
  let got = Buffer.alloc(0);
  while (got.length < length) {
    const bytes = socket.read();
    if (bytes === null) await new Promise((resolve, reject) => { socket.once('readable', resolve); socket.once('close', reject); });
    else got = Buffer.concat([got, bytes]);
  }
  return got;
}

/** A message in chunks of its own, each behind a full header (§5.3.1.2.1) or, where it goes on, a short one. */
function message(type, stream, time, payload) {
  const head = Buffer.alloc(12);
  head[0] = 3;
  head.writeUIntBE(time & 0xff_ffff, 1, 3);
  head.writeUIntBE(payload.length, 4, 3);
  head[7] = type;
  head.writeUInt32LE(stream, 8);
  const pieces = [head];
  for (let at = 0; at < payload.length; at += CHUNK) {
    if (at > 0) pieces.push(Buffer.from([0xc3]));
    pieces.push(payload.subarray(at, at + CHUNK));
  }
  return Buffer.concat(pieces);
}

function amf(...values) {
  return Buffer.concat(values.map((value) => {
    if (value === null) return Buffer.from([5]);
    if (typeof value === 'number') {
      const bytes = Buffer.alloc(9);
      bytes.writeDoubleBE(value, 1);
      return bytes;
    }
    if (typeof value === 'string') return Buffer.concat([Buffer.from([2]), text(value)]);
    const members = Object.entries(value).flatMap(([key, member]) => [text(key), amf(member)]);
    return Buffer.concat([Buffer.from([3]), ...members, Buffer.from([0, 0, 9])]);
  }));
}

function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** Calls back with each tag's type, its time in milliseconds, and what is in it. */
function readTags(stream, take) {
  let rest = Buffer.alloc(0);
  // The file's head, and the length of no tag before the first.
  let skip = 13;
  stream.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      if (rest.length < skip + TAG_HEAD) return;
      const tag = rest.subarray(skip);
      const length = tag.readUIntBE(1, 3);
      if (tag.length < TAG_HEAD + length + 4) return;
      take(tag[0] & 0x1f, tag.readUIntBE(4, 3) | (tag[7] << 24), tag.subarray(TAG_HEAD, TAG_HEAD + length));
      rest = rest.subarray(skip + TAG_HEAD + length + 4);
      skip = 0;
    }
  });
}
