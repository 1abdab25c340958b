import sharp from 'sharp';
import { parse, View } from 'vega';
import { type Config, compile, type TopLevelSpec } from 'vega-lite';
import { sha256 } from '../io/digest.ts';
import { type Drawing, FONT, INK, rasterize } from './drawing.ts';

/** Pixels of the PNG per unit of a chart, so that it is sharp on high-resolution screens. */
export const ZOOM = 2;

const titled = {
  labelFont: FONT,
  labelColor: INK,
  titleFont: FONT,
  titleFontSize: 13,
  titleFontWeight: 'normal',
  titleColor: INK,
} as const;

const config: Config = {
  aria: false,
  background: 'white',
  padding: 12,
  view: { stroke: null },
  axis: {
    ...titled,
    labelFontSize: 12,
    titlePadding: 8,
    domainColor: '#888888',
    tickColor: '#888888',
    gridColor: '#e8e8e8',
  },
  legend: { ...titled, labelFontSize: 13, labelLimit: 0 },
  text: { font: FONT, fill: INK },
};

/**
 * Draws a Vega-Lite chart in the style that all charts share. Equal charts give equal bytes.
 * @param chart a specification of Vega-Lite, whose own types are too wide to check it
 */
export async function drawChart(chart: object): Promise<Drawing> {
  const { spec } = compile({ ...chart, config } as TopLevelSpec);
  const view = new View(parse(spec), { renderer: 'none' });
  try {
    const svg = withStableIds(shortNumbers(await view.toSVG()));
    const { height, width, pixels } = rasterize(svg, ZOOM);
    const image = sharp(pixels, { raw: { width, height, channels: 4 } });
    return { height, width, channels: 3, png: await image.removeAlpha().png().toBuffer(), svg };
  } finally {
    view.finalize();
  }
}

/** Rounds positions to a hundredth of a unit, which halves the size of thousands of points. */
const shortNumbers = (svg: string): string =>
  svg.replace(/transform="[^"]*"/g, (place) =>
    place.replace(/-?\d+\.\d{3,}/g, (number) => `${Number(Number(number).toFixed(2))}`),
  );

/**
 * Replaces Vega's ids, which count up from the start of the process, by ids that depend on the chart only and differ
 * between the charts of a page.
 */
function withStableIds(svg: string): string {
  const ids = [...new Set([...svg.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1] ?? ''))];
  const anonymous = ids.reduce(
    (known, id, i) => known.replaceAll(`"${id}"`, `"#${i}"`).replaceAll(`(#${id})`, `(##${i})`),
    svg,
  );
  const digest = sha256(anonymous).slice(0, 8);
  return ids.reduce(
    (known, _, i) => known.replaceAll(`"#${i}"`, `"c${digest}-${i}"`).replaceAll(`(##${i})`, `(#c${digest}-${i})`),
    anonymous,
  );
}
