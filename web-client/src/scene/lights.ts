import type { Pen } from './backdrop';
import { LANTERNS, POOL_RADIUS, glow } from './backdrop';
import type { Palette } from './palette';
import { pick, seeded } from './palette';

const TAU = Math.PI * 2;

/** Ripples and jets of the fountain. `seconds` stands still for those who asked for less motion. */
export function drawFountain(pen: Pen, palette: Palette, seconds: number): void {
  pen.save();
  pen.translate(500, 500);
  for (let ripple = 0; ripple < 4; ripple += 1) {
    const share = (seconds * 0.22 + ripple / 4) % 1;
    pen.globalAlpha = (1 - share) * 0.55;
    pen.strokeStyle = palette.foam;
    pen.lineWidth = 1.8;
    pen.beginPath();
    pen.arc(0, 0, 8 + share * (POOL_RADIUS - 12), 0, TAU);
    pen.stroke();
  }
  pen.fillStyle = palette.foam;
  for (let jet = 0; jet < 8; jet += 1) {
    const angle = (jet / 8) * TAU + TAU / 16;
    for (let drop = 0; drop < 7; drop += 1) {
      const share = (seconds * 0.75 + drop / 7 + jet * 0.13) % 1;
      const out = 46 - share * 40;
      pen.globalAlpha = 0.75 * (1 - share * 0.55);
      dot(pen, Math.cos(angle) * out, Math.sin(angle) * out - Math.sin(share * Math.PI) * 26, 2.3 - share);
    }
  }
  pen.globalAlpha = 0.9;
  for (let drop = 0; drop < 9; drop += 1) {
    const share = (seconds * 0.9 + drop / 9) % 1;
    dot(pen, Math.sin(drop * 5) * 5 * share, -Math.sin(share * Math.PI) * 48, 2.8 - share * 1.2);
  }
  pen.restore();
}

/** One lantern; drawn among the people, because it stands between them. */
export function drawLantern(pen: Pen, palette: Palette, at: { x: number; y: number }): void {
  pen.save();
  pen.translate(at.x, at.y);
  pen.fillStyle = palette.shadow;
  pen.beginPath();
  pen.ellipse(5, 2, 11, 5, 0, 0, TAU);
  pen.fill();
  pen.fillStyle = palette.evening ? '#2b2230' : '#4d4046';
  pen.fillRect(-2.2, -66, 4.4, 66);
  pen.beginPath();
  pen.roundRect(-6, -5, 12, 7, 2);
  pen.roundRect(-10, -90, 20, 4, 2);
  pen.fill();
  pen.beginPath();
  pen.moveTo(-8, -90);
  pen.lineTo(0, -99);
  pen.lineTo(8, -90);
  pen.fill();
  pen.fillStyle = palette.evening ? '#ffdf9c' : '#fff8e6';
  pen.beginPath();
  pen.roundRect(-7, -86, 14, 20, 4);
  pen.fill();
  pen.restore();
}

/** The light of the lanterns and the strings of bulbs between them: over everything. */
export function drawGlow(pen: Pen, palette: Palette, seconds: number): void {
  pen.save();
  if (palette.evening) pen.globalCompositeOperation = 'screen';
  for (const [index, lamp] of LANTERNS.entries()) {
    const flicker = 0.5 + 0.05 * Math.sin(seconds * 2.1 + index * 1.7);
    if (palette.evening) glow(pen, lamp.x, lamp.y - 76, 74, palette.lamp, flicker);
    drawFestoon(pen, palette, index, seconds);
  }
  if (palette.evening) drawFireflies(pen, seconds);
  pen.restore();
}

function drawFestoon(pen: Pen, palette: Palette, index: number, seconds: number): void {
  const from = pick(LANTERNS, index);
  const to = pick(LANTERNS, index + 1);
  const sag = 34;
  const at = (share: number): { x: number; y: number } => ({
    x: from.x + (to.x - from.x) * share,
    y: from.y + (to.y - from.y) * share - 88 + Math.sin(share * Math.PI) * sag,
  });
  pen.save();
  pen.globalCompositeOperation = 'source-over';
  pen.strokeStyle = palette.evening ? 'rgba(24, 16, 28, 0.7)' : 'rgba(84, 62, 60, 0.6)';
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (let step = 0; step <= 14; step += 1) {
    const point = at(step / 14);
    pen.lineTo(point.x, point.y);
  }
  pen.stroke();
  pen.restore();
  for (let bulb = 1; bulb < 8; bulb += 1) {
    const point = at(bulb / 8);
    if (palette.evening) {
      glow(pen, point.x, point.y + 4, 17, palette.lamp, 0.42 + 0.1 * Math.sin(seconds * 1.3 + bulb + index * 3));
      pen.fillStyle = '#ffe7b8';
    } else {
      pen.fillStyle = pick(palette.flowers, bulb + index);
    }
    dot(pen, point.x, point.y + 4, 3);
  }
}

function drawFireflies(pen: Pen, seconds: number): void {
  const chance = seeded(77);
  for (let fly = 0; fly < 26; fly += 1) {
    const phase = chance() * 40;
    const side = chance() < 0.5 ? -90 - chance() * 260 : 1090 + chance() * 260;
    const x = side + Math.sin(seconds * 0.4 + phase) * 34;
    const y = chance() * 1000 + Math.cos(seconds * 0.31 + phase * 2) * 40;
    const shine = Math.max(0, Math.sin(seconds * 1.1 + phase));
    glow(pen, x, y, 13, '214, 245, 140', shine * 0.75);
  }
}

function dot(pen: Pen, x: number, y: number, radius: number): void {
  pen.beginPath();
  pen.arc(x, y, Math.max(0.3, radius), 0, TAU);
  pen.fill();
}
