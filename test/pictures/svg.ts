/** An element of an SVG with where it is drawn: its own place and those of all groups around it. */
export interface Placed {
  readonly element: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly x: number;
  readonly y: number;
  /** What stands between a text's tags. */
  readonly text: string;
}

/** All elements of an SVG whose places are translations, in the order in which they are drawn. */
export function placedElements(svg: string): Placed[] {
  const places = [{ x: 0, y: 0 }];
  const found: Placed[] = [];
  for (const [, close, element = '', body = '', empty, text = ''] of svg.matchAll(
    /<(\/?)(\w+)([^<>]*?)(\/?)>([^<]*)/g,
  )) {
    if (close) {
      places.pop();
      continue;
    }
    const attributes = Object.fromEntries(
      [...body.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    const [, dx = 0, dy = 0] = /translate\(([^,]+),([^)]+)\)/.exec(attributes.transform ?? '') ?? [];
    const around = places.at(-1) ?? { x: 0, y: 0 };
    const place = { x: around.x + Number(dx), y: around.y + Number(dy) };
    found.push({ element, attributes, ...place, text });
    if (!empty) places.push(place);
  }
  return found;
}

export const textsOf = (svg: string): string[] =>
  placedElements(svg).flatMap(({ element, text }) => (element === 'text' ? [text] : []));
