import { describe, expect, it } from 'vitest';
import { leaveUndecodable, type MpdNode } from '../src/drivers/shaka-mends.js';

function node(tagName: string, attributes: Record<string, string>, children: (MpdNode | string)[]): MpdNode {
  return { tagName, attributes, children };
}

function set(kind: string, ...codecs: string[]): MpdNode {
  const representations = codecs.map((each) => node('Representation', { codecs: each }, []));
  return node('AdaptationSet', { contentType: kind, mimeType: `${kind}/mp4` }, ['\n', ...representations]);
}

/** Periods of these sounds, beside pictures: what is left of each, and whether the sound was taken out. */
function left(...sounds: string[][]): [boolean, string[]] {
  const periods = sounds.map((codecs, id) => node('Period', { id: `${id}` }, [set('video', 'avc1'), ...codecs.map((codec) => set('audio', codec))]));
  const mpd = node('MPD', {}, [node('ServiceDescription', {}, []), ...periods]);
  const isSilent = leaveUndecodable(mpd, (type) => type === 'audio/mp4; codecs="aac"');
  const told = (mpd.children as MpdNode[]).map(({ tagName, attributes, children }) =>
    [tagName === 'Period' ? attributes['id'] : tagName, ...(children as MpdNode[]).map((each) => each.attributes['contentType'])].join(' '));
  return [isSilent, told.slice(1)];
}

describe('a manifest with sound that the browser does not decode', () => {
  it('loses all sound where the newest period has no other', () => {
    expect(left(['aac'], ['mp3'])).toEqual([true, ['0 video', '1 video']]);
    expect(left(['mp3'])).toEqual([true, ['0 video']]);
  });

  it('loses the periods up to it where the newest one can be heard', () => {
    expect(left(['aac'], ['mp3'], ['aac'], ['aac'])).toEqual([false, ['2 video audio', '3 video audio']]);
  });

  it('stays where there is a sound beside it that can be heard, or none at all', () => {
    expect(left(['mp3', 'aac'])).toEqual([false, ['0 video audio audio']]);
    expect(left(['aac'], [])).toEqual([false, ['0 video audio', '1 video']]);
  });
});
