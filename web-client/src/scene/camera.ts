import type { Point } from '../core/world';

/** Below this scale people could not be told apart: the camera follows instead. */
const SCALE_MIN = 0.56;

export interface Insets {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Which part of the plane is on the screen. Screen units are CSS pixels. */
export class Camera {
  scale = 1;
  private left = 0;
  private top = 0;

  constructor(
    readonly screen: Size,
    readonly plane: Size,
    insets: Insets,
    follow: Point,
  ) {
    const free = {
      width: Math.max(120, screen.width - insets.left - insets.right),
      height: Math.max(120, screen.height - insets.top - insets.bottom),
    };
    this.scale = Math.max(SCALE_MIN, Math.min(free.width / plane.width, free.height / plane.height));
    this.left = edge(follow.x, plane.width, free.width / this.scale) - insets.left / this.scale;
    this.top = edge(follow.y, plane.height, free.height / this.scale) - insets.top / this.scale;
  }

  /** The place on the plane at the screen's upper left corner. */
  get origin(): Point {
    return { x: this.left, y: this.top };
  }

  toScreen(point: Point): Point {
    return { x: (point.x - this.left) * this.scale, y: (point.y - this.top) * this.scale };
  }

  toPlane(point: Point): Point {
    return { x: point.x / this.scale + this.left, y: point.y / this.scale + this.top };
  }
}

/** Where the window of `visible` units begins: centred when all fits, else following and stopping at the ends. */
function edge(follow: number, whole: number, visible: number): number {
  if (visible >= whole) return (whole - visible) / 2;
  const margin = Math.min(70, visible * 0.12);
  return Math.min(whole - visible + margin, Math.max(-margin, follow - visible / 2));
}
