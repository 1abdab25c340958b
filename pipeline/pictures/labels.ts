/** A label's box, `x` and `y` its centre, in pixels. */
export interface LabelBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Area {
  readonly width: number;
  readonly height: number;
}

const ROUNDS = 300;

/**
 * Centres for labels that stay where they are wanted unless they would cover one another: those are pushed apart, the
 * shorter way, until none overlap or, where there are too many for the area, for a number of rounds.
 */
export function placeLabels(wanted: readonly LabelBox[], area: Area): { x: number; y: number }[] {
  const boxes = wanted.map((box) => ({ ...box }));
  for (let round = 0; round < ROUNDS; round++) {
    let moved = false;
    boxes.forEach((a, i) => {
      for (const b of boxes.slice(i + 1)) moved = pushApart(a, b) || moved;
    });
    for (const box of boxes) {
      box.x = clamp(box.x, box.width / 2, area.width - box.width / 2);
      box.y = clamp(box.y, box.height / 2, area.height - box.height / 2);
    }
    if (!moved) break;
  }
  return boxes.map(({ x, y }) => ({ x, y }));
}

type Movable = { x: number; y: number; readonly width: number; readonly height: number };

/** @returns whether the two overlapped */
function pushApart(a: Movable, b: Movable): boolean {
  const overlapX = (a.width + b.width) / 2 - Math.abs(a.x - b.x);
  const overlapY = (a.height + b.height) / 2 - Math.abs(a.y - b.y);
  if (overlapX <= 0.01 || overlapY <= 0.01) return false;
  if (overlapX < overlapY) {
    const push = ((a.x <= b.x ? -1 : 1) * overlapX) / 2;
    a.x += push;
    b.x -= push;
  } else {
    const push = ((a.y <= b.y ? -1 : 1) * overlapY) / 2;
    a.y += push;
    b.y -= push;
  }
  return true;
}

const clamp = (value: number, least: number, most: number): number =>
  least > most ? (least + most) / 2 : Math.min(most, Math.max(least, value));
