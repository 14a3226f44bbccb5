import type { Camera } from './camera';
import { paintGarden } from './garden';
import type { Palette } from './palette';
import { pick, seeded } from './palette';

/** Measures of the plaza on a plane of 1000 x 1000; another plane is scaled to it. */
export const POOL_RADIUS = 74;
const ROUND_RADIUS = 292;
const TAU = Math.PI * 2;

/** Eight lanterns on the rim of the round, and where their feet stand. */
export const LANTERNS: readonly { readonly x: number; readonly y: number }[] = Array.from({ length: 8 }, (_, index) => {
  const angle = (index + 0.5) * (TAU / 8);
  return { x: 500 + Math.cos(angle) * 352, y: 500 + Math.sin(angle) * 352 };
});

export type Pen = CanvasRenderingContext2D;

/** All that does not move, painted once per size and time of day. Covers the plane and what is seen around it. */
export class Backdrop {
  private image: HTMLCanvasElement | undefined;
  private key = '';
  private margin = { x: 0, y: 0 };

  draw(pen: Pen, camera: Camera, palette: Palette, density: number): void {
    const key = `${camera.screen.width}x${camera.screen.height}@${camera.scale}*${density}/${palette.evening}`;
    if (key !== this.key || this.image === undefined) {
      this.image = this.paint(camera, palette, density);
      this.key = key;
    }
    const origin = camera.toScreen({ x: -this.margin.x, y: -this.margin.y });
    pen.drawImage(this.image, origin.x, origin.y, this.image.width / density, this.image.height / density);
  }

  private paint(camera: Camera, palette: Palette, density: number): HTMLCanvasElement {
    const around = (screen: number, plane: number): number => Math.max(90, screen / camera.scale - plane / 2);
    this.margin = {
      x: around(camera.screen.width, camera.plane.width),
      y: around(camera.screen.height, camera.plane.height),
    };
    const canvas = document.createElement('canvas');
    const scale = camera.scale * density;
    canvas.width = Math.ceil((camera.plane.width + 2 * this.margin.x) * scale);
    canvas.height = Math.ceil((camera.plane.height + 2 * this.margin.y) * scale);
    const pen = canvas.getContext('2d');
    if (pen === null) return canvas;
    pen.scale(scale, scale);
    pen.translate(this.margin.x, this.margin.y);
    pen.scale(camera.plane.width / 1000, camera.plane.height / 1000);
    paintGarden(pen, palette, this.margin);
    paintSlabs(pen, palette);
    paintRound(pen, palette);
    paintPool(pen, palette);
    paintLight(pen, palette);
    return canvas;
  }
}

/** The square: slabs in running bond within a kerb. */
function paintSlabs(pen: Pen, palette: Palette): void {
  const chance = seeded(11);
  pen.save();
  pen.shadowColor = palette.shadow;
  pen.shadowBlur = 30;
  pen.fillStyle = palette.kerb;
  pen.beginPath();
  pen.roundRect(-26, -26, 1052, 1052, 64);
  pen.fill();
  pen.shadowBlur = 0;
  pen.fillStyle = palette.joint;
  pen.beginPath();
  pen.roundRect(-14, -14, 1028, 1028, 54);
  pen.fill();
  pen.clip();
  for (let row = 0; row < 36; row += 1) {
    for (let column = -1; column < 20; column += 1) {
      const x = -14 + column * 58 + (row % 2) * 29;
      pen.fillStyle = pick(palette.slabs, chance() * 97);
      pen.globalAlpha = 0.84 + chance() * 0.16;
      pen.beginPath();
      pen.roundRect(x + 0.9, -14 + row * 29 + 0.9, 56.2, 27.2, 2.6);
      pen.fill();
    }
  }
  pen.restore();
}

/** The round in the middle: rings of cobbles and a star of inlaid stone. */
function paintRound(pen: Pen, palette: Palette): void {
  const chance = seeded(23);
  disc(pen, ROUND_RADIUS + 16, palette.kerb);
  disc(pen, ROUND_RADIUS + 9, palette.inlay);
  disc(pen, ROUND_RADIUS, palette.joint);
  for (let ring = 0; ring * 19 + POOL_RADIUS + 14 < ROUND_RADIUS - 12; ring += 1) {
    const inner = POOL_RADIUS + 15 + ring * 19;
    const count = Math.round((TAU * (inner + 9)) / 31);
    const dark = ring === 4 || ring === 9;
    for (let stone = 0; stone < count; stone += 1) {
      const from = ((stone + (ring % 2) / 2) / count) * TAU;
      cobble(pen, inner, from, TAU / count, dark && chance() > 0.1 ? palette.inlay : pick(palette.cobbles, chance() * 89));
      pen.globalAlpha = 1;
    }
  }
  paintStar(pen, palette);
}

function cobble(pen: Pen, inner: number, from: number, width: number, colour: string): void {
  const gap = 1.3 / inner;
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(500, 500, inner + 17.4, from + gap, from + width - gap);
  pen.arc(500, 500, inner, from + width - gap, from + gap, true);
  pen.closePath();
  pen.fill();
}

function paintStar(pen: Pen, palette: Palette): void {
  pen.save();
  pen.translate(500, 500);
  for (let point = 0; point < 8; point += 1) {
    const length = point % 2 === 0 ? 262 : 196;
    pen.save();
    pen.rotate((point * TAU) / 8);
    for (const side of [-1, 1]) {
      pen.globalAlpha = side < 0 ? 0.62 : 0.34;
      pen.fillStyle = palette.inlay;
      pen.beginPath();
      pen.moveTo(POOL_RADIUS, 0);
      pen.lineTo(POOL_RADIUS + 26, side * 17);
      pen.lineTo(length, 0);
      pen.fill();
    }
    pen.restore();
  }
  pen.restore();
}

/** A mirror of water level with the paving, so that one may walk through it. */
function paintPool(pen: Pen, palette: Palette): void {
  disc(pen, POOL_RADIUS + 14, palette.kerb);
  disc(pen, POOL_RADIUS + 10, pick(palette.slabs, 3));
  disc(pen, POOL_RADIUS + 2, palette.inlay);
  const water = pen.createRadialGradient(480, 478, 6, 500, 500, POOL_RADIUS);
  water.addColorStop(0, palette.water[0]);
  water.addColorStop(1, palette.water[1]);
  pen.fillStyle = water;
  pen.beginPath();
  pen.arc(500, 500, POOL_RADIUS, 0, TAU);
  pen.fill();
}

/** In the evening pools of lamplight and dusk at the edges; by day a low sun from the upper left. */
function paintLight(pen: Pen, palette: Palette): void {
  pen.save();
  if (palette.evening) {
    pen.globalCompositeOperation = 'multiply';
    const dusk = pen.createRadialGradient(500, 500, 260, 500, 500, 860);
    dusk.addColorStop(0, 'rgb(246, 226, 222)');
    dusk.addColorStop(1, 'rgb(124, 110, 158)');
    pen.fillStyle = dusk;
    pen.fillRect(-2000, -2000, 5000, 5000);
    pen.globalCompositeOperation = 'soft-light';
    for (const lamp of LANTERNS) glow(pen, lamp.x, lamp.y, 190, palette.lamp, 0.95);
    glow(pen, 500, 500, 230, palette.lamp, 0.55);
    pen.globalCompositeOperation = 'screen';
    for (const lamp of LANTERNS) glow(pen, lamp.x, lamp.y, 150, palette.lamp, 0.3);
  } else {
    pen.globalCompositeOperation = 'soft-light';
    const sun = pen.createLinearGradient(-200, -200, 1200, 1200);
    sun.addColorStop(0, 'rgba(255, 240, 190, 0.75)');
    sun.addColorStop(1, 'rgba(150, 90, 90, 0.38)');
    pen.fillStyle = sun;
    pen.fillRect(-2000, -2000, 5000, 5000);
  }
  pen.restore();
}

export function glow(pen: Pen, x: number, y: number, radius: number, rgb: string, strength: number): void {
  const light = pen.createRadialGradient(x, y, 0, x, y, radius);
  light.addColorStop(0, `rgba(${rgb}, ${strength})`);
  light.addColorStop(0.45, `rgba(${rgb}, ${strength * 0.36})`);
  light.addColorStop(1, `rgba(${rgb}, 0)`);
  pen.fillStyle = light;
  pen.fillRect(x - radius, y - radius, radius * 2, radius * 2);
}

function disc(pen: Pen, radius: number, colour: string): void {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(500, 500, radius, 0, TAU);
  pen.fill();
}
