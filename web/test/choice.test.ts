import { describe, expect, it } from 'vitest';
import { Choice } from '../player/page/choice.js';
import type { Drivers } from '../player/page/drivers.js';

const open = () => Promise.reject(new Error('not opened here'));
const works = { isSupported: () => true, open };
const drivers = { 'ws-fmp4': works, hls: works, dash: works, 'native-hls': { isSupported: () => false, open } } as unknown as Drivers;

describe('a choice of protocol', () => {
  it('takes the best that the browser has, and another after two attempts without a picture', () => {
    const choice = new Choice(drivers, null);
    expect([choice.protocol, choice.isAutomatic, choice.hasAnother]).toEqual(['ws-fmp4', true, true]);
    choice.fail(true);
    expect(choice.protocol).toBe('ws-fmp4');
    choice.fail(true);
    expect(choice.protocol).toBe('hls');
  });

  it('turns at once from one that cannot play or that was dismissed', () => {
    const choice = new Choice(drivers, null);
    choice.fail(false);
    expect(choice.protocol).toBe('hls');
    choice.dismiss();
    choice.fail(true);
    expect([choice.protocol, choice.hasAnother]).toEqual(['dash', false]);
  });

  it('stays with the last one, and has all to choose from again after a picture', () => {
    const choice = new Choice(drivers, null);
    for (let attempt = 0; attempt < 5; attempt += 1) choice.fail(false);
    expect([choice.protocol, choice.hasAnother]).toEqual(['dash', false]);
    choice.succeed();
    expect(choice.hasAnother).toBe(true);
  });

  it('stays with what a viewer asked for', () => {
    const choice = new Choice(drivers, 'dash');
    choice.fail(false);
    expect([choice.protocol, choice.isAutomatic, choice.hasAnother]).toEqual(['dash', false, false]);
    choice.make(null);
    expect([choice.protocol, choice.isAutomatic]).toEqual(['ws-fmp4', true]);
  });
});
