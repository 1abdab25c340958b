import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { parse, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';
import { type Drawing, FONT, INK, rasterize } from './drawing.ts';

/** Pixels of the PNG per unit of a chart, so that it is sharp on any screen. */
export const ZOOM = 2;

const text = { font: FONT, fontWeight: 'normal' as const };

const config: Config = {
  aria: false,
  background: 'white',
  padding: 12,
  title: { ...text, color: INK, fontSize: 15, fontWeight: 'bold', anchor: 'start', offset: 10 },
  view: { stroke: null },
  axis: {
    labelFont: FONT,
    labelFontSize: 12,
    labelColor: INK,
    titleFont: FONT,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titleColor: INK,
    titlePadding: 8,
    domainColor: '#888888',
    tickColor: '#888888',
    gridColor: '#e8e8e8',
  },
  legend: {
    labelFont: FONT,
    labelFontSize: 13,
    labelColor: INK,
    titleFont: FONT,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titleColor: INK,
    labelLimit: 0,
  },
  text: { font: FONT, fill: INK },
};

/** Draws a Vega-Lite chart in the look that all charts share. Equal charts give equal bytes. */
export async function drawChart(spec: TopLevelSpec): Promise<Drawing> {
  const view = new View(parse(compile({ ...spec, config }).spec), { renderer: 'none' });
  try {
    const svg = withOwnIds(shortNumbers(await view.toSVG()));
    const { height, width, pixels } = rasterize(svg, ZOOM);
    const png = await sharp(pixels, { raw: { width, height, channels: 4 } })
      .removeAlpha()
      .png()
      .toBuffer();
    return { height, width, channels: 3, png, svg };
  } finally {
    view.finalize();
  }
}

/** Positions to a hundredth of a unit: thousands of points take half the room. */
const shortNumbers = (svg: string): string =>
  svg.replace(/transform="[^"]*"/g, (place) =>
    place.replace(/-?\d+\.\d{3,}/g, (number) => `${Number(Number(number).toFixed(2))}`),
  );

/** Vega numbers what it names from process start on; here names come from the chart, and differ between charts in one page. */
function withOwnIds(svg: string): string {
  const ids = [...new Set([...svg.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1] ?? ''))];
  const anonymous = ids.reduce(
    (known, id, i) => known.replaceAll(`"${id}"`, `"#${i}"`).replaceAll(`(#${id})`, `(##${i})`),
    svg,
  );
  const digest = createHash('sha256').update(anonymous).digest('hex').slice(0, 8);
  return ids.reduce(
    (known, _, i) => known.replaceAll(`"#${i}"`, `"c${digest}-${i}"`).replaceAll(`(##${i})`, `(#c${digest}-${i})`),
    anonymous,
  );
}
