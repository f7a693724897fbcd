import { el } from '../../player/page/dom.js';
import { copyRow } from '../common/copy';
import type { Entrance } from './status';

/** The port of RTMP that addresses leave out. */
const RTMP_PORT = 1935;

/** Where to publish a stream, by the name under which this page was reached. */
export function publishAddress(entrance: Entrance, name: string): string {
  return `${serverAddress(entrance)}/${name}${entrance.key ? '?key=SECRET' : ''}`;
}

/** The same without the stream's name: OBS asks for them apart. */
export function serverAddress({ rtmp, app }: Entrance, host = location.hostname): string {
  return `rtmp://${host}${rtmp === RTMP_PORT ? '' : `:${rtmp}`}/${app}`;
}

/** What to do when nothing is live. */
export function hint(entrance: Entrance): HTMLElement {
  const address = publishAddress(entrance, 'demo');
  const picture = '-f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=440';
  const ffmpeg = `ffmpeg -re ${picture} -c:v libx264 -preset veryfast -tune zerolatency -g 60 -pix_fmt yuv420p -c:a aac -f flv "${address}"`;
  const gstreamer = 'gst-launch-1.0 -e videotestsrc is-live=true ! video/x-raw,width=1280,height=720,framerate=30/1 ! x264enc tune=zerolatency '
    + `key-int-max=60 ! video/x-h264,profile=main ! h264parse ! flvmux name=m streamable=true ! rtmp2sink location="${address}" `
    + 'audiotestsrc is-live=true ! voaacenc ! aacparse ! m.';
  return el('section', { class: 'hint' },
    el('h2', {}, 'Nothing is live yet'),
    el('p', { class: 'soft' }, 'This page shows a stream as soon as it comes. Publish one from OBS, or try a test picture.'),
    el('h3', {}, 'OBS Studio'),
    el('p', { class: 'soft' }, 'Settings → Stream, Service “Custom…”; then Settings → Output, Advanced: Keyframe Interval 2 s, Tune zerolatency.'),
    copyRow('Server', serverAddress(entrance)),
    copyRow('Stream Key', `demo${entrance.key ? '?key=SECRET' : ''}`),
    el('h3', {}, 'A test picture'),
    copyRow('FFmpeg', ffmpeg),
    copyRow('GStreamer', gstreamer));
}
