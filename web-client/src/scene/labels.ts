import type { Pen } from './backdrop';
import type { Palette } from './palette';

const SANS = "'Avenir Next', 'Segoe UI', 'Noto Sans', 'DejaVu Sans', system-ui, sans-serif";
const BUBBLE_WIDTH = 190;
const BUBBLE_LINES = 4;

/** Labels are drawn in CSS pixels, whatever the camera's scale: they stay readable. */
export function drawName(pen: Pen, palette: Palette, x: number, y: number, name: string, self: boolean): void {
  pen.font = `600 12.5px ${SANS}`;
  const width = pen.measureText(name).width + 14;
  pen.fillStyle = self ? palette.selfLabel : palette.label;
  pen.beginPath();
  pen.roundRect(x - width / 2, y - 18, width, 18, 9);
  pen.fill();
  pen.fillStyle = self ? palette.selfLabelText : palette.labelText;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(name, x, y - 8.6);
}

/** A key to press, beside what it would act on. */
export function drawKeyHint(pen: Pen, palette: Palette, x: number, y: number, key: string): void {
  pen.fillStyle = palette.bubble;
  pen.beginPath();
  pen.roundRect(x - 9, y - 9, 18, 18, 5);
  pen.fill();
  pen.font = `700 11px ${SANS}`;
  pen.fillStyle = palette.bubbleText;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(key, x, y + 0.5);
}

export interface BubblePlace {
  readonly x: number;
  readonly y: number;
  /** Where the screen ends: the bubble stays on it. */
  readonly right: number;
}

/** `strength` from 0 to 1: how much of it is there still. */
export function drawBubble(pen: Pen, palette: Palette, place: BubblePlace, text: string, strength: number): void {
  pen.font = `500 13px ${SANS}`;
  const lines = wrapText(text, BUBBLE_WIDTH, BUBBLE_LINES, (part) => pen.measureText(part).width);
  const width = Math.max(26, ...lines.map((line) => pen.measureText(line).width)) + 22;
  const height = lines.length * 17 + 12;
  const { x, y } = place;
  const middle = Math.max(width / 2 + 6, Math.min(place.right - width / 2 - 6, x));
  pen.save();
  pen.globalAlpha = strength;
  pen.shadowColor = 'rgba(20, 8, 24, 0.35)';
  pen.shadowBlur = 12;
  pen.shadowOffsetY = 3;
  pen.fillStyle = palette.bubble;
  pen.beginPath();
  pen.roundRect(middle - width / 2, y - height - 7, width, height, 12);
  pen.moveTo(x - 6, y - 8);
  pen.lineTo(x, y);
  pen.lineTo(x + 6, y - 8);
  pen.fill();
  pen.shadowColor = 'transparent';
  pen.fillStyle = palette.bubbleText;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  for (const [index, line] of lines.entries()) pen.fillText(line, middle, y - height + 7 + index * 17);
  pen.restore();
}

/** Breaks at blanks, within long words when it must; what is too long ends in an ellipsis. */
export function wrapText(text: string, width: number, linesMax: number, measure: (part: string) => number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/u).flatMap((part) => breakWord(part, width, measure))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (measure(longer) <= width || line === '') {
      line = longer;
      continue;
    }
    lines.push(line);
    line = word;
  }
  lines.push(line);
  if (lines.length <= linesMax) return lines;
  return [...lines.slice(0, linesMax - 1), `${lines[linesMax - 1] ?? ''}…`];
}

function breakWord(word: string, width: number, measure: (part: string) => number): string[] {
  if (measure(word) <= width) return [word];
  const parts: string[] = [];
  let part = '';
  for (const letter of word) {
    if (part !== '' && measure(part + letter) > width) {
      parts.push(part);
      part = '';
    }
    part += letter;
  }
  return part === '' ? parts : [...parts, part];
}
