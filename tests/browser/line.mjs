// A line that bears only so much.

import { connect, createServer } from 'node:net';

/** What a throttled line lets through at a time, milliseconds of its rate. */
const SLICE_MS = 20;

/** A line to the gateway, all of whose connections together bear so much towards the viewer. */
export async function openLine(target) {
  let bytesPerMs = Infinity;
  let freeMs = 0;
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => { sockets.delete(socket); near.destroy(); far.destroy(); });
    }
    near.pipe(far);
    const waiting = [];
    let isBusy = false;
    // A little at a time, so that connections share the line, and no more on its way than a line holds.
    const pump = () => {
      const next = waiting.shift();
      if (next === undefined) {
        isBusy = false;
        far.resume();
        return;
      }
      isBusy = true;
      const length = Math.min(next.length, Number.isFinite(bytesPerMs) ? Math.ceil(bytesPerMs * SLICE_MS) : next.length);
      if (length < next.length) waiting.unshift(next.subarray(length));
      near.write(next.subarray(0, length));
      // What a timer of ours comes late is made up for, so that the line bears what it should.
      freeMs = Math.max(performance.now() - 3 * SLICE_MS, freeMs) + length / bytesPerMs;
      const wait = freeMs - performance.now();
      if (wait <= 0) pump();
      else setTimeout(pump, wait);
    };
    far.on('data', (data) => {
      waiting.push(data);
      if (Number.isFinite(bytesPerMs)) far.pause();
      if (!isBusy) pump();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    throttle(kbits) { bytesPerMs = kbits / 8; },
    close() {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}
