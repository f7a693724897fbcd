/** What a key asks of the player. */
export type Command = 'play' | 'mute' | 'fullscreen' | 'picture' | 'stats' | 'live' | 'back' | 'forward' | 'louder' | 'quieter';

const COMMANDS: Record<string, Command> = {
  ' ': 'play', k: 'play', m: 'mute', f: 'fullscreen', p: 'picture', i: 'stats', l: 'live', End: 'live',
  ArrowLeft: 'back', ArrowRight: 'forward', ArrowUp: 'louder', ArrowDown: 'quieter',
};

/** Elements that have a use of their own for a key. */
const OWN: Record<string, RegExp> = {
  BUTTON: /^( |Enter)$/, A: /^Enter$/, SUMMARY: /^( |Enter)$/, SELECT: /./, TEXTAREA: /./, INPUT: /./,
};

interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** What a key means where an element of that name has the focus; null where it is none of ours. */
export function commandOf({ key, ctrlKey, metaKey, altKey }: Pressed, focused: string): Command | null {
  if (ctrlKey || metaKey || altKey || OWN[focused]?.test(key)) return null;
  return COMMANDS[key.length === 1 ? key.toLowerCase() : key] ?? null;
}
