import type { Pen } from './backdrop';
import type { Palette } from './palette';
import { pick, seeded } from './palette';

const TAU = Math.PI * 2;
const PATH_HALF = 74;

/** Grass, paths, trees and flower beds around the square. */
export function paintGarden(pen: Pen, palette: Palette, margin: { x: number; y: number }): void {
  const area = { left: -margin.x - 60, top: -margin.y - 60, right: 1060 + margin.x, bottom: 1060 + margin.y };
  const grass = pen.createRadialGradient(500, 500, 420, 500, 500, 1300);
  grass.addColorStop(0, palette.grass[0]);
  grass.addColorStop(1, palette.grass[1]);
  pen.fillStyle = grass;
  pen.fillRect(area.left, area.top, area.right - area.left, area.bottom - area.top);
  paintSpots(pen, palette, area);
  paintPaths(pen, palette, area);
  paintHedge(pen, palette);
  paintTrees(pen, palette, area);
}

interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

function paintSpots(pen: Pen, palette: Palette, area: Area): void {
  const chance = seeded(5);
  for (let spot = 0; spot < 420; spot += 1) {
    const x = area.left + chance() * (area.right - area.left);
    const y = area.top + chance() * (area.bottom - area.top);
    pen.globalAlpha = 0.25 + chance() * 0.35;
    pen.fillStyle = pick(palette.grassSpots, chance() * 31);
    pen.beginPath();
    pen.ellipse(x, y, 10 + chance() * 46, 6 + chance() * 20, chance() * 0.6 - 0.3, 0, TAU);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

/** Four ways lead out of the square. */
function paintPaths(pen: Pen, palette: Palette, area: Area): void {
  const chance = seeded(7);
  pen.fillStyle = palette.path;
  pen.fillRect(area.left, 500 - PATH_HALF, area.right - area.left, PATH_HALF * 2);
  pen.fillRect(500 - PATH_HALF, area.top, PATH_HALF * 2, area.bottom - area.top);
  pen.globalAlpha = 0.35;
  for (let stone = 0; stone < 900; stone += 1) {
    const along = chance() < 0.5;
    const far = along ? area.left + chance() * (area.right - area.left) : area.top + chance() * (area.bottom - area.top);
    const across = 500 + (chance() * 2 - 1) * (PATH_HALF - 6);
    pen.fillStyle = pick(palette.slabs, chance() * 41);
    pen.beginPath();
    pen.ellipse(along ? far : across, along ? across : far, 3 + chance() * 7, 2 + chance() * 4, chance(), 0, TAU);
    pen.fill();
  }
  pen.globalAlpha = 1;
}

/** A low hedge with flowers runs along the kerb, open where the ways begin. */
function paintHedge(pen: Pen, palette: Palette): void {
  const chance = seeded(17);
  for (let along = 30; along <= 970; along += 13) {
    if (Math.abs(along - 500) < PATH_HALF + 22) continue;
    for (const [x, y] of [[along, -52], [along, 1052], [-52, along], [1052, along]] as const) {
      bush(pen, palette, x + chance() * 6 - 3, y + chance() * 6 - 3, 15 + chance() * 6, chance);
    }
  }
}

function bush(pen: Pen, palette: Palette, x: number, y: number, radius: number, chance: () => number): void {
  pen.fillStyle = palette.shadow;
  ellipse(pen, x + 4, y + 6, radius, radius * 0.8);
  pen.fillStyle = pick(palette.crowns, chance() * 29);
  ellipse(pen, x, y, radius, radius * 0.9);
  for (let bloom = 0; bloom < 3; bloom += 1) {
    if (chance() > 0.55) continue;
    pen.fillStyle = pick(palette.flowers, chance() * 37);
    ellipse(pen, x + (chance() - 0.5) * radius * 1.5, y + (chance() - 0.5) * radius * 1.2, 2.6, 2.6);
  }
}

function paintTrees(pen: Pen, palette: Palette, area: Area): void {
  const chance = seeded(41);
  const trees: { x: number; y: number; radius: number }[] = [];
  const wanted = ((area.right - area.left) * (area.bottom - area.top) - 1_000_000) / 9_000;
  for (let tries = 0; tries < wanted * 5 && trees.length < wanted; tries += 1) {
    const tree = {
      x: area.left + chance() * (area.right - area.left),
      y: area.top + chance() * (area.bottom - area.top),
      radius: 30 + chance() * 34,
    };
    const reach = tree.radius + 78;
    if (tree.x > -reach && tree.x < 1000 + reach && tree.y > -reach && tree.y < 1000 + reach) continue;
    if (Math.abs(tree.x - 500) < PATH_HALF + tree.radius || Math.abs(tree.y - 500) < PATH_HALF + tree.radius) continue;
    if (trees.some((other) => Math.hypot(other.x - tree.x, other.y - tree.y) < (other.radius + tree.radius) * 0.72)) continue;
    trees.push(tree);
  }
  trees.sort((a, b) => a.y - b.y);
  for (const tree of trees) paintTree(pen, palette, tree, chance);
}

function paintTree(pen: Pen, palette: Palette, tree: { x: number; y: number; radius: number }, chance: () => number): void {
  const { x, y, radius } = tree;
  pen.fillStyle = palette.shadow;
  ellipse(pen, x + radius * 0.28, y + radius * 0.42, radius * 1.02, radius * 0.86);
  const colour = pick(palette.crowns, chance() * 43);
  for (let leaf = 0; leaf < 7; leaf += 1) {
    const angle = (leaf / 7) * TAU + chance();
    pen.fillStyle = leaf % 3 === 0 ? pick(palette.crowns, chance() * 47) : colour;
    ellipse(pen, x + Math.cos(angle) * radius * 0.46, y + Math.sin(angle) * radius * 0.42, radius * 0.58, radius * 0.54);
  }
  pen.fillStyle = colour;
  ellipse(pen, x, y, radius * 0.6, radius * 0.56);
  pen.fillStyle = palette.crownLight;
  ellipse(pen, x - radius * 0.26, y - radius * 0.3, radius * 0.5, radius * 0.42);
  ellipse(pen, x - radius * 0.32, y - radius * 0.36, radius * 0.26, radius * 0.2);
}

function ellipse(pen: Pen, x: number, y: number, width: number, height: number): void {
  pen.beginPath();
  pen.ellipse(x, y, width, height, 0, 0, TAU);
  pen.fill();
}
