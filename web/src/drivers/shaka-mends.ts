// What Shaka 5.2.12 does not do right for us, mended in the manifests that it reads.

/** What is touched of an element of the manifest. */
export interface MpdNode {
  tagName: string;
  attributes: Record<string, string>;
  children: (MpdNode | string)[];
}

/**
 * Shaka takes the sounds of all periods for one, and looks only at the first of them for whether the browser decodes it: where another encoder
 * sends what it does not, as Chromium MP3, Shaka fails at that period again and again, and says nothing. So where the newest period has only such sound,
 * all periods lose theirs; where an earlier one has, it goes, with those before it.
 *
 * @returns whether the sound was taken out
 */
export function leaveUndecodable(mpd: MpdNode, isDecoded: (type: string) => boolean): boolean {
  const periods = elements(mpd, 'Period');
  const last = periods.map((period) => isUndecodable(period, isDecoded)).lastIndexOf(true);
  const isNewest = last >= 0 && last === periods.length - 1;
  if (isNewest) periods.forEach((period) => { period.children = period.children.filter((child) => !isSound(child)); });
  else mpd.children = mpd.children.filter((child) => typeof child === 'string' || periods.indexOf(child) > last || child.tagName !== 'Period');
  return isNewest;
}

/** Whether a period has sound, and none that the browser decodes. */
function isUndecodable(period: MpdNode, isDecoded: (type: string) => boolean): boolean {
  const types = elements(period, 'AdaptationSet').filter(isSound).flatMap((set) =>
    elements(set, 'Representation').map(({ attributes }) => `${set.attributes['mimeType']}; codecs="${attributes['codecs']}"`));
  return types.length > 0 && !types.some(isDecoded);
}

function isSound(node: MpdNode | string): boolean {
  return typeof node !== 'string' && node.attributes['contentType'] === 'audio';
}

function elements({ children }: MpdNode, name: string): MpdNode[] {
  return children.filter((child): child is MpdNode => typeof child !== 'string' && child.tagName === name);
}
