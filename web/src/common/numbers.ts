/** @param bits per second */
export function bitRate(bits: number | null): string {
  if (bits === null) return '–';
  if (bits >= 1e9) return `${(bits / 1e9).toFixed(2)} Gb/s`;
  return bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mb/s` : `${Math.round(bits / 1000)} kb/s`;
}

export function seconds(ms: number | null): string {
  return ms === null ? '–' : `${(ms / 1000).toFixed(1)} s`;
}

/** What people call an encoder that says of itself what it is made of. */
export function encoderName(told: string | null): string {
  if (told === null) return 'An encoder without a name';
  const obs = /libobs version ([\d.]+)/.exec(told)?.[1];
  if (obs !== undefined) return `OBS Studio ${obs}`;
  return told.startsWith('Lavf') ? `FFmpeg (${told})` : told;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
