import type { Pen } from './backdrop';
import type { Palette } from './palette';
import { hashOf, pick } from './palette';

const TAU = Math.PI * 2;
const CLOTHS = ['#c8553d', '#2f7f86', '#8a4fa3', '#d99a2b', '#4a6fb5', '#b8406a', '#5b8c3e', '#3d4f86', '#a8633a', '#2c8f6b'];
const SCARVES = ['#ffe0a3', '#f6b8a2', '#bfe8df', '#f3d1ee', '#fff2cf', '#c9dcff'];
const SKINS = ['#f6d3b3', '#e8b98f', '#c98f64', '#a06a43', '#7a4d30', '#f2c6a0'];
const HAIRS = ['#33231d', '#5b3a24', '#8c5a2b', '#c9924a', '#1e1b22', '#a8a2a0', '#7a2e22'];

export type Facing = 'down' | 'up' | 'left' | 'right';

export interface Figure {
  readonly id: string;
  readonly name: string;
  readonly self: boolean;
  readonly walking: boolean;
  readonly facing: Facing;
  /** A receiver within reach: marked softly. */
  readonly marked: boolean;
}

/** The look of a person, drawn with the feet at 0, 0. */
export function drawFigure(pen: Pen, palette: Palette, figure: Figure, seconds: number): void {
  const hash = hashOf(figure.id);
  const stride = figure.walking ? Math.sin(seconds * 11 + hash) : 0;
  const lift = figure.walking ? Math.abs(Math.cos(seconds * 11 + hash)) * 2.6 : Math.sin(seconds * 1.6 + hash) * 0.5;
  drawGround(pen, palette, figure, seconds);
  pen.save();
  drawFeet(pen, stride);
  pen.translate(0, -lift);
  pen.rotate(stride * 0.035);
  drawCloak(pen, pick(CLOTHS, hash), pick(SCARVES, hash >>> 5), stride);
  drawHead(pen, pick(SKINS, hash >>> 9), pick(HAIRS, hash >>> 13), (hash >>> 17) % 5, figure.facing);
  pen.restore();
}

/** The colour somebody wears: the same in the chat as on the plaza. */
export function clothOf(id: string): string {
  return pick(CLOTHS, hashOf(id));
}

function drawGround(pen: Pen, palette: Palette, figure: Figure, seconds: number): void {
  pen.fillStyle = palette.shadow;
  pen.beginPath();
  pen.ellipse(4, 1, 18, 7.5, 0, 0, TAU);
  pen.fill();
  if (!figure.self && !figure.marked) return;
  pen.strokeStyle = palette.self;
  pen.lineWidth = figure.self ? 2.6 : 1.8;
  pen.globalAlpha = figure.self ? 0.95 : 0.7;
  pen.setLineDash(figure.self ? [] : [4, 4]);
  pen.lineDashOffset = -seconds * 8;
  pen.beginPath();
  pen.ellipse(0, 0, 22, 10, 0, 0, TAU);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

function drawFeet(pen: Pen, stride: number): void {
  pen.fillStyle = '#35252a';
  for (const side of [-1, 1]) {
    pen.beginPath();
    pen.ellipse(side * 5.4, -1 - Math.max(0, side * stride) * 3, 4.6, 3, 0, 0, TAU);
    pen.fill();
  }
}

function drawCloak(pen: Pen, cloth: string, scarf: string, stride: number): void {
  pen.fillStyle = cloth;
  pen.beginPath();
  pen.moveTo(-8, -33);
  pen.bezierCurveTo(-11, -22, -14 + stride, -10, -15 + stride, -5);
  pen.quadraticCurveTo(0, 1.5, 15 + stride, -5);
  pen.bezierCurveTo(14 + stride, -10, 11, -22, 8, -33);
  pen.quadraticCurveTo(0, -37, -8, -33);
  pen.fill();
  const shade = pen.createLinearGradient(-15, 0, 15, 0);
  shade.addColorStop(0, 'rgba(255, 244, 214, 0.32)');
  shade.addColorStop(0.45, 'rgba(255, 244, 214, 0)');
  shade.addColorStop(1, 'rgba(24, 8, 30, 0.34)');
  pen.fillStyle = shade;
  pen.fill();
  pen.strokeStyle = scarf;
  pen.lineWidth = 1.7;
  pen.globalAlpha = 0.85;
  pen.beginPath();
  pen.moveTo(-14 + stride, -8.5);
  pen.quadraticCurveTo(0, -2.2, 14 + stride, -8.5);
  pen.stroke();
  pen.globalAlpha = 1;
  pen.fillStyle = scarf;
  pen.beginPath();
  pen.roundRect(-8.5, -36, 17, 5.6, 2.8);
  pen.roundRect(2.6, -33, 4.6, 11, 2.2);
  pen.fill();
}

function drawHead(pen: Pen, skin: string, hair: string, hat: number, facing: Facing): void {
  const look = facing === 'left' ? -3 : facing === 'right' ? 3 : 0;
  pen.fillStyle = skin;
  round(pen, 0, -43, 10);
  pen.fillStyle = hair;
  pen.beginPath();
  if (facing === 'up') pen.arc(0, -43, 10.4, 0, TAU);
  else pen.ellipse(-look * 0.5, -45.4, 10.6, 8.6, 0, Math.PI * 0.96, Math.PI * 2.04);
  pen.fill();
  if (facing !== 'up') {
    pen.fillStyle = '#2a1c20';
    round(pen, look - 3.4, -41.6, 1.35);
    round(pen, look + 3.4, -41.6, 1.35);
    pen.fillStyle = 'rgba(226, 104, 92, 0.38)';
    round(pen, look - 5.8, -38.8, 1.9);
    round(pen, look + 5.8, -38.8, 1.9);
  }
  drawHat(pen, hair, hat);
}

function drawHat(pen: Pen, hair: string, hat: number): void {
  if (hat === 0) {
    pen.fillStyle = '#e9c987';
    pen.beginPath();
    pen.ellipse(0, -49, 14.5, 4.2, 0, 0, TAU);
    pen.roundRect(-7.5, -57, 15, 9, 4.5);
    pen.fill();
    pen.fillStyle = '#a8433a';
    pen.fillRect(-7.5, -51.6, 15, 2.2);
  } else if (hat === 1) {
    pen.fillStyle = '#7c3040';
    pen.beginPath();
    pen.ellipse(-2, -51.4, 11.4, 4.8, -0.14, 0, TAU);
    pen.fill();
    pen.fillRect(-2.6, -57.6, 1.8, 3);
  } else if (hat === 2) {
    pen.fillStyle = hair;
    round(pen, 0, -54.6, 4.6);
  } else if (hat === 3) {
    pen.fillStyle = '#f2b441';
    for (const side of [-1, 1]) {
      pen.beginPath();
      pen.ellipse(4 + side * 3.6, -51.8, 3.6, 2.4, side * 0.5, 0, TAU);
      pen.fill();
    }
    round(pen, 4, -51.8, 1.6);
  }
}

function round(pen: Pen, x: number, y: number, radius: number): void {
  pen.beginPath();
  pen.arc(x, y, radius, 0, TAU);
  pen.fill();
}
