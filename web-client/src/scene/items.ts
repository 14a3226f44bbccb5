import type { Pen } from './backdrop';
import { hashOf } from './palette';

const TAU = Math.PI * 2;

/** Draws a thing about 20 units wide, centred on 0, 0. */
type Shape = (pen: Pen) => void;

/** Kinds that have a shape of their own; any other is a cut stone in a colour of its own. */
const SHAPES: Readonly<Record<string, Shape>> = {
  lantern: drawPaperLantern,
  apple: drawApple,
  book: drawBook,
  kite: drawKite,
  cup: drawCup,
  key: drawKey,
  coin: drawCoin,
  flute: drawFlute,
};

export function drawItem(pen: Pen, kind: string): void {
  const shape = SHAPES[kind];
  if (shape === undefined) drawStone(pen, hashOf(kind) % 360);
  else shape(pen);
}

function drawPaperLantern(pen: Pen): void {
  fill(pen, '#f26a4b', () => pen.ellipse(0, 0, 9, 10.5, 0, 0, TAU));
  fill(pen, 'rgba(255, 224, 150, 0.85)', () => pen.ellipse(0, 0, 4, 8.4, 0, 0, TAU));
  fill(pen, '#5a2b2a', () => {
    pen.rect(-4, -12.4, 8, 3);
    pen.rect(-4, 9.4, 8, 3);
  });
}

function drawApple(pen: Pen): void {
  fill(pen, '#cf3f35', () => {
    pen.arc(-3.4, 1, 7.4, 0, TAU);
    pen.arc(3.4, 1, 7.4, 0, TAU);
  });
  fill(pen, '#5d8f3a', () => pen.ellipse(4, -8.4, 4.6, 2.2, -0.5, 0, TAU));
  fill(pen, 'rgba(255, 255, 255, 0.5)', () => pen.ellipse(-5, -2, 2, 3, 0.4, 0, TAU));
}

function drawBook(pen: Pen): void {
  fill(pen, '#31588c', () => pen.roundRect(-9, -10.5, 18, 21, 2));
  fill(pen, '#f6ead0', () => pen.rect(6.4, -9, 2.6, 18));
  fill(pen, '#f0c261', () => pen.roundRect(-5, -6, 8.4, 4.4, 1));
}

function drawKite(pen: Pen): void {
  const halves = [['#f2a33a', -8], ['#d94f5c', 8]] as const;
  for (const [colour, side] of halves) {
    fill(pen, colour, () => {
      pen.moveTo(0, -12);
      pen.lineTo(side, -2);
      pen.lineTo(0, 10);
    });
  }
  fill(pen, '#3f7f8c', () => pen.roundRect(-1.4, 9, 2.8, 5, 1.4));
}

function drawCup(pen: Pen): void {
  stroke(pen, '#e9dcc4', 2.4, () => pen.arc(8, 0, 4, -1.4, 1.4));
  fill(pen, '#f7ecd8', () => pen.roundRect(-8, -7, 16, 15, [2, 2, 7, 7]));
  fill(pen, '#7d4a2b', () => pen.ellipse(0, -6.4, 7, 2.3, 0, 0, TAU));
}

function drawKey(pen: Pen): void {
  stroke(pen, '#e3b045', 3.2, () => {
    pen.arc(0, -6, 4.8, 0, TAU);
    pen.moveTo(0, -1);
    pen.lineTo(0, 11);
    pen.moveTo(0, 6);
    pen.lineTo(4.4, 6);
    pen.moveTo(0, 10);
    pen.lineTo(4.4, 10);
  });
}

function drawCoin(pen: Pen): void {
  fill(pen, '#d99a2b', () => pen.arc(0, 0, 9.4, 0, TAU));
  fill(pen, '#f6cd62', () => pen.arc(0, 0, 7.2, 0, TAU));
  fill(pen, '#c9861f', () => pen.rect(-1.6, -4.4, 3.2, 8.8));
}

function drawFlute(pen: Pen): void {
  pen.save();
  pen.rotate(-0.7);
  fill(pen, '#9a6236', () => pen.roundRect(-13, -2.8, 26, 5.6, 2.8));
  fill(pen, '#e8c07a', () => {
    pen.rect(-9, -2.8, 2.4, 5.6);
    pen.rect(8, -2.8, 2.4, 5.6);
  });
  for (const hole of [-3.4, 0, 3.4]) fill(pen, '#3d2414', () => pen.arc(hole, -0.4, 1.1, 0, TAU));
  pen.restore();
}

function drawStone(pen: Pen, hue: number): void {
  const facets: readonly (readonly [string, readonly number[]])[] = [
    [`hsl(${hue} 62% 56%)`, [0, -11, 9, -3, 0, 11, -9, -3]],
    [`hsl(${hue} 68% 70%)`, [0, -11, 0, -2, -9, -3]],
    [`hsl(${hue} 58% 44%)`, [9, -3, 0, 11, 0, -2]],
  ];
  for (const [colour, corners] of facets) {
    fill(pen, colour, () => {
      for (let at = 0; at < corners.length; at += 2) pen.lineTo(corners[at] ?? 0, corners[at + 1] ?? 0);
    });
  }
}

function fill(pen: Pen, colour: string, outline: () => void): void {
  pen.fillStyle = colour;
  pen.beginPath();
  outline();
  pen.fill();
}

function stroke(pen: Pen, colour: string, width: number, outline: () => void): void {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineCap = 'round';
  pen.beginPath();
  outline();
  pen.stroke();
}
