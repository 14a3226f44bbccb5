import type { Point } from './core/world';

const DIRECTIONS: Readonly<Record<string, Point>> = {
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  KeyW: { x: 0, y: -1 },
  KeyS: { x: 0, y: 1 },
  KeyA: { x: -1, y: 0 },
  KeyD: { x: 1, y: 0 },
};

export interface Controls {
  /** Direction of the keys that are down, each part -1, 0 or 1. */
  steer(heading: Point): void;
  /** A place of the canvas, in CSS pixels. */
  point(at: Point): void;
  pickUp(): void;
  drop(): void;
  give(): void;
  talk(): void;
}

/** Keyboard and pointer become what a player wants. Keys belong to a field while it has the focus. */
export function listen(canvas: HTMLCanvasElement, controls: Controls): void {
  const down = new Set<string>();
  const steer = (): void => {
    const parts = [...down].map((code) => DIRECTIONS[code] ?? { x: 0, y: 0 });
    controls.steer({ x: sign(parts, (part) => part.x), y: sign(parts, (part) => part.y) });
  };
  const release = (): void => {
    down.clear();
    steer();
  };
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') canvas.focus();
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (DIRECTIONS[event.code] !== undefined) {
      event.preventDefault();
      down.add(event.code);
      steer();
    } else if (!event.repeat) {
      press(event, controls);
    }
  });
  addEventListener('keyup', (event) => {
    if (down.delete(event.code)) steer();
  });
  addEventListener('blur', release);
  addEventListener('focusin', (event) => {
    if (isTyping(event.target)) release();
  });
  followPointer(canvas, controls);
}

function press(event: KeyboardEvent, controls: Controls): void {
  const actions: Readonly<Record<string, () => void>> = {
    KeyE: () => controls.pickUp(),
    KeyQ: () => controls.drop(),
    KeyG: () => controls.give(),
    KeyT: () => controls.talk(),
    Slash: () => controls.talk(),
  };
  const onButton = event.target instanceof Element && event.target.closest('button, summary') !== null;
  const action = event.code === 'Enter' && !onButton ? () => controls.talk() : actions[event.code];
  if (action === undefined) return;
  event.preventDefault();
  action();
}

/** A click says where to; a pointer held down leads. */
function followPointer(canvas: HTMLCanvasElement, controls: Controls): void {
  const lead = (event: PointerEvent): void => controls.point({ x: event.offsetX, y: event.offsetY });
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    lead(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) lead(event);
  });
}

/** Fields take all keys; the log takes the arrows, to scroll. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('input, textarea, [role="log"]') !== null;
}

function sign(parts: readonly Point[], part: (point: Point) => number): number {
  return Math.sign(parts.reduce((sum, point) => sum + part(point), 0));
}
