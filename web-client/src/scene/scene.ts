import type { ItemView, MemberView } from '../core/protocol';
import type { Point, World } from '../core/world';
import { Backdrop, LANTERNS } from './backdrop';
import type { Pen } from './backdrop';
import type { Insets } from './camera';
import { Camera } from './camera';
import { drawItem } from './items';
import { drawBubble, drawKeyHint, drawName } from './labels';
import { drawFountain, drawGlow, drawLantern } from './lights';
import { choosePalette } from './palette';
import type { Palette } from './palette';
import { drawFigure } from './people';
import type { Facing } from './people';

/** People are drawn a little larger than true where the whole plaza is small. */
const FIGURE_SCALE_MIN = 0.82;
const FIGURE_HEIGHT = 60;
const BUBBLE_FADE_MS = 400;
/** Device pixels per CSS pixel that are worth painting. */
const DENSITY_MAX = 2;

export interface Presence {
  readonly at: Point;
  readonly walking: boolean;
  readonly facing: Facing;
}

export interface Picture {
  readonly now: number;
  readonly insets: Insets;
  readonly world: World | undefined;
  readonly destination: Point | undefined;
  readonly reachableItem: string | undefined;
  readonly reachableMember: string | undefined;
  presenceOf(member: MemberView): Presence;
  /** What somebody says now, and until when. */
  bubbleOf(characterId: string): { readonly text: string; readonly until: number } | undefined;
}

/** Paints the plaza. Knows nothing of the network. */
export class Scene {
  private readonly backdrop = new Backdrop();
  private readonly pen: Pen;
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private readonly still = matchMedia('(prefers-reduced-motion: reduce)');
  private camera = new Camera({ width: 1, height: 1 }, { width: 1000, height: 1000 }, noInsets, { x: 500, y: 500 });

  constructor(private readonly canvas: HTMLCanvasElement) {
    const pen = canvas.getContext('2d', { alpha: false });
    if (pen === null) throw new Error('this browser cannot paint on a canvas');
    this.pen = pen;
  }

  /** The place on the plane under a place of the canvas. */
  toPlane(point: Point): Point {
    return this.camera.toPlane(point);
  }

  draw(picture: Picture): void {
    const density = this.fit();
    const palette = choosePalette(this.dark.matches);
    const world = picture.world;
    const plane = world === undefined ? { width: 1000, height: 1000 } : world.limits;
    const self = world?.members.get(world.selfId);
    const follow = self === undefined ? { x: plane.width / 2, y: plane.height / 2 } : picture.presenceOf(self).at;
    const screen = { width: this.canvas.width / density, height: this.canvas.height / density };
    this.camera = new Camera(screen, { width: plane.width, height: plane.height }, picture.insets, follow);
    const seconds = this.still.matches ? 0 : picture.now / 1000;
    this.pen.setTransform(density, 0, 0, density, 0, 0);
    this.backdrop.draw(this.pen, this.camera, palette, density);
    this.onPlane(plane, () => drawFountain(this.pen, palette, seconds));
    if (picture.destination !== undefined) this.drawDestination(palette, picture.destination, seconds);
    this.drawStanding(picture, palette, seconds);
    this.onPlane(plane, () => drawGlow(this.pen, palette, seconds));
    if (world !== undefined) this.drawLabels(world, picture, palette);
  }

  /** Canvas size follows its box; answers device pixels per CSS pixel. */
  private fit(): number {
    const density = Math.min(DENSITY_MAX, globalThis.devicePixelRatio || 1);
    const width = Math.max(1, Math.round(this.canvas.clientWidth * density));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * density));
    if (this.canvas.width !== width) this.canvas.width = width;
    if (this.canvas.height !== height) this.canvas.height = height;
    return density;
  }

  /** Things of the scenery have their measures on a plane of 1000 x 1000. */
  private onPlane(plane: { width: number; height: number }, paint: () => void): void {
    this.pen.save();
    this.pen.scale(this.camera.scale, this.camera.scale);
    this.pen.translate(-this.camera.origin.x, -this.camera.origin.y);
    this.pen.scale(plane.width / 1000, plane.height / 1000);
    paint();
    this.pen.restore();
  }

  private at(point: Point, scale: number, paint: () => void): void {
    const screen = this.camera.toScreen(point);
    this.pen.save();
    this.pen.translate(screen.x, screen.y);
    this.pen.scale(scale, scale);
    paint();
    this.pen.restore();
  }

  private get figureScale(): number {
    return Math.max(FIGURE_SCALE_MIN, this.camera.scale);
  }

  /** Whatever stands up is drawn from the back to the front. */
  private drawStanding(picture: Picture, palette: Palette, seconds: number): void {
    const standing: { y: number; paint: () => void }[] = [];
    const world = picture.world;
    const plane = world?.limits ?? { width: 1000, height: 1000 };
    for (const lantern of LANTERNS) {
      const foot = { x: (lantern.x * plane.width) / 1000, y: (lantern.y * plane.height) / 1000 };
      standing.push({ y: foot.y, paint: () => this.onPlane(plane, () => drawLantern(this.pen, palette, lantern)) });
    }
    for (const item of world?.items.values() ?? []) {
      if (item.holder !== undefined && world?.members.has(item.holder) === true) continue;
      standing.push({ y: item.y, paint: () => this.drawLoose(item, palette, seconds) });
    }
    for (const member of world?.members.values() ?? []) {
      const presence = picture.presenceOf(member);
      standing.push({ y: presence.at.y, paint: () => this.drawMember(picture, member, presence, palette, seconds) });
    }
    standing.sort((a, b) => a.y - b.y);
    for (const one of standing) one.paint();
  }

  /** Held things whose holder is away are not on the plaza. */
  private drawLoose(item: ItemView, palette: Palette, seconds: number): void {
    if (item.holder !== undefined) return;
    const float = Math.sin(seconds * 2 + item.x) * 1.6;
    this.at(item, this.figureScale, () => {
      this.pen.fillStyle = palette.shadow;
      this.pen.beginPath();
      this.pen.ellipse(2, 5, 10, 4, 0, 0, Math.PI * 2);
      this.pen.fill();
      this.pen.translate(0, -8 + float);
      drawItem(this.pen, item.kind);
    });
  }

  private drawMember(picture: Picture, member: MemberView, presence: Presence, palette: Palette, seconds: number): void {
    const world = picture.world;
    if (world === undefined) return;
    const figure = {
      id: member.characterId,
      name: member.name,
      self: member.characterId === world.selfId,
      walking: presence.walking,
      facing: presence.facing,
      marked: member.characterId === picture.reachableMember,
    };
    const held = [...world.items.values()].filter((item) => item.holder === member.characterId);
    this.at(presence.at, this.figureScale, () => {
      drawFigure(this.pen, palette, figure, seconds);
      for (const [index, item] of held.slice(0, 4).entries()) {
        this.pen.save();
        this.pen.translate((index % 2 === 0 ? 1 : -1) * 15, -18 - Math.floor(index / 2) * 13);
        this.pen.scale(0.78, 0.78);
        drawItem(this.pen, item.kind);
        this.pen.restore();
      }
    });
  }

  private drawDestination(palette: Palette, point: Point, seconds: number): void {
    this.at(point, this.figureScale, () => {
      const wave = (seconds * 1.4) % 1;
      this.pen.strokeStyle = palette.self;
      this.pen.lineWidth = 2;
      for (const [share, strength] of [[wave, 1 - wave], [0.3, 0.9]] as const) {
        this.pen.globalAlpha = strength;
        this.pen.beginPath();
        this.pen.ellipse(0, 0, 5 + share * 16, 2.4 + share * 7.4, 0, 0, Math.PI * 2);
        this.pen.stroke();
      }
    });
  }

  private drawLabels(world: World, picture: Picture, palette: Palette): void {
    const item = picture.reachableItem === undefined ? undefined : world.items.get(picture.reachableItem);
    if (item !== undefined) {
      const place = this.camera.toScreen(item);
      drawKeyHint(this.pen, palette, place.x, place.y - 34 * this.figureScale, 'E');
    }
    const depth = (member: MemberView): number => (member.characterId === world.selfId ? Number.MAX_VALUE : member.y);
    const members = [...world.members.values()].sort((a, b) => depth(a) - depth(b));
    for (const member of members) {
      const place = this.camera.toScreen(picture.presenceOf(member).at);
      const top = place.y - FIGURE_HEIGHT * this.figureScale;
      drawName(this.pen, palette, place.x, top, member.name, member.characterId === world.selfId);
    }
    for (const member of members) {
      const bubble = picture.bubbleOf(member.characterId);
      if (bubble === undefined) continue;
      const place = this.camera.toScreen(picture.presenceOf(member).at);
      const top = place.y - FIGURE_HEIGHT * this.figureScale - 24;
      const strength = Math.max(0, Math.min(1, (bubble.until - picture.now) / BUBBLE_FADE_MS));
      drawBubble(this.pen, palette, { x: place.x, y: top, right: this.camera.screen.width }, bubble.text, strength);
    }
  }
}

const noInsets: Insets = { top: 0, right: 0, bottom: 0, left: 0 };
