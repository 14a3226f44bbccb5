/** Colours of the plaza by the time of day the visitor's system asks for. */
export interface Palette {
  readonly evening: boolean;
  readonly grass: readonly [string, string];
  readonly grassSpots: readonly string[];
  readonly crowns: readonly string[];
  readonly crownLight: string;
  readonly kerb: string;
  readonly joint: string;
  readonly slabs: readonly string[];
  readonly cobbles: readonly string[];
  readonly inlay: string;
  readonly path: string;
  readonly flowers: readonly string[];
  readonly water: readonly [string, string];
  readonly foam: string;
  readonly shadow: string;
  readonly lamp: string;
  readonly label: string;
  readonly labelText: string;
  readonly selfLabel: string;
  readonly selfLabelText: string;
  readonly bubble: string;
  readonly bubbleText: string;
  readonly self: string;
}

const EVENING: Palette = {
  evening: true,
  grass: ['#22382f', '#101d22'],
  grassSpots: ['#2b4637', '#1a2f2b', '#345240'],
  crowns: ['#1d3b33', '#25493a', '#2f5641', '#3b5540'],
  crownLight: 'rgba(255, 206, 130, 0.13)',
  kerb: '#54474d',
  joint: '#4c4148',
  slabs: ['#7d6c69', '#85736d', '#776764', '#8c7970', '#7a6a6b'],
  cobbles: ['#94806f', '#8a766a', '#9f8973', '#836f68'],
  inlay: '#5d4a55',
  path: '#655857',
  flowers: ['#e2736b', '#e8a765', '#c98ad0', '#f0d9a8'],
  water: ['#5fb0b4', '#27566c'],
  foam: 'rgba(228, 250, 246, 0.8)',
  shadow: 'rgba(18, 10, 24, 0.42)',
  lamp: '255, 190, 104',
  label: 'rgba(30, 20, 34, 0.78)',
  labelText: '#fdf1de',
  selfLabel: '#ffc873',
  selfLabelText: '#33200f',
  bubble: '#fff6e6',
  bubbleText: '#33242b',
  self: '#ffc873',
};

const AFTERNOON: Palette = {
  evening: false,
  grass: ['#a5bd7a', '#83a468'],
  grassSpots: ['#b3c986', '#93b36f', '#bccf90'],
  crowns: ['#5f8f58', '#6f9f5e', '#82ad63', '#a5b25a'],
  crownLight: 'rgba(255, 250, 205, 0.32)',
  kerb: '#b89c81',
  joint: '#c3a88c',
  slabs: ['#e6d2b5', '#ecdabf', '#e0caab', '#f0e0c6', '#e5cdb1'],
  cobbles: ['#dcbf9b', '#e6cba8', '#d3b38f', '#ebd4b2'],
  inlay: '#c08d6a',
  path: '#dac4a4',
  flowers: ['#d9534f', '#f0a23c', '#a765b5', '#fff3d6'],
  water: ['#9adfe2', '#4fa8bf'],
  foam: 'rgba(255, 255, 255, 0.9)',
  shadow: 'rgba(84, 52, 34, 0.3)',
  lamp: '255, 214, 150',
  label: 'rgba(255, 251, 242, 0.9)',
  labelText: '#43302c',
  selfLabel: '#b4481a',
  selfLabelText: '#fff8ec',
  bubble: '#ffffff',
  bubbleText: '#38262a',
  self: '#c9541d',
};

export function choosePalette(dark: boolean): Palette {
  return dark ? EVENING : AFTERNOON;
}

/** A small, even hash of an identifier: the same person looks the same to everybody. */
export function hashOf(text: string): number {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Repeatable chance for painting (mulberry32): the plaza is the same at each visit. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(list: readonly T[], at: number): T {
  const value = list[Math.abs(Math.floor(at)) % list.length];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}
