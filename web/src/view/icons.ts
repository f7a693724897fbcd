import { svg } from '../common/svg';

/** Drawn on 24 by 24. */
const PATHS = {
  play: 'M8 5v14l11-7z',
  pause: 'M7 5h4v14H7zM14 5h4v14h-4z',
  sound: 'M4 9v6h4l5 4V5L8 9zM15.5 8.5a5 5 0 0 1 0 7l-1.1-1.1a3.4 3.4 0 0 0 0-4.8zM18 6a8.500 8.500 0 0 1 0 12l-1.100-1.100a6.900 6.900 0 0 0 0-9.800z',
  muted: 'M4 9v6h4l5 4V5L8 9zM21.500 9.900 20.100 8.500 18 10.600 15.900 8.500 14.500 9.900 16.600 12 14.500 14.100 15.900 15.500 18 13.400 20.100 15.500 21.500 14.100 19.400 12z',
  settings: 'M4 7h9.200a3 3 0 0 1 5.600 0H20v2h-1.200a3 3 0 0 1-5.600 0H4zM4 15h1.200a3 3 0 0 1 5.600 0H20v2h-9.200a3 3 0 0 1-5.600 0H4z',
  stats: 'M5 20v-7h3v7zM10.500 20V4h3v16zM16 20v-10h3v10z',
  picture: 'M3 5h18v14H3zM5 7v10h14V7zM12 12h6v4h-6z',
  fullscreen: 'M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z',
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGSVGElement {
  return svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true', class: 'icon' }, svg('path', { d: PATHS[name] }));
}
