import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';

/** A picture as PNG, of `height` × `width` pixels and 1 (gray) or 3 (RGB) channels, and as SVG. */
export interface Drawing {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly png: Uint8Array;
  readonly svg: string;
}

/** Font of all pictures; browsers without it use their own sans-serif. */
export const FONT = 'DejaVu Sans, sans-serif';
export const INK = '#222222';

const { resolve } = createRequire(import.meta.url);
const fontFiles = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((name) => resolve(`dejavu-fonts-ttf/ttf/${name}`));

/** Letters that DejaVu lacks, such as Chinese, Japanese and Korean. Only for them are the machine's fonts loaded. */
const BEYOND_DEJAVU = /[\u0900-\u0e7f\u1100-\u11ff\u2e80-\uffef]|[\u{1f000}-\u{3ffff}]/u;

function open(svg: string, zoom: number): Resvg {
  return new Resvg(svg, {
    fitTo: { mode: 'zoom', value: zoom },
    font: {
      loadSystemFonts: BEYOND_DEJAVU.test(svg),
      fontFiles,
      defaultFontFamily: 'DejaVu Sans',
      sansSerifFamily: 'DejaVu Sans',
    },
  });
}

/** Renders an SVG as RGBA, `[height, width, 4]`, with `zoom` pixels for each of its units. */
export function rasterize(svg: string, zoom = 1): { height: number; width: number; pixels: Uint8Array } {
  const { height, width, pixels } = open(svg, zoom).render();
  return { height, width, pixels };
}

export const svgElement = (width: number, height: number, content: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${content}</svg>`;

export const WHITE_GROUND = '<rect width="100%" height="100%" fill="white"/>';

export interface TextStyle {
  readonly size: number;
  readonly bold?: boolean;
}

/** Widths of lines of text, which are measured several times for a picture; to measure one, the font is read. */
const widths = new Map<string, number>();
const MOST_WIDTHS = 10_000;

/** Width of a line of text in pixels. */
export function textWidth(text: string, { size, bold = false }: TextStyle): number {
  const line = textElement(text, { x: 0, y: 0, size, bold });
  const width = widths.get(line) ?? open(svgElement(8, 8, line), 1).getBBox()?.width ?? 0;
  if (widths.size >= MOST_WIDTHS) widths.clear();
  widths.set(line, width);
  return width;
}

/** A line of text as SVG; `y` is its baseline. */
export function textElement(
  text: string,
  { x, y, size, bold, anchor = 'start' }: TextStyle & { x: number; y: number; anchor?: 'start' | 'middle' | 'end' },
): string {
  const weight = bold ? ' font-weight="bold"' : '';
  return `<text x="${x}" y="${y}" font-family="${FONT}" font-size="${size}"${weight} fill="${INK}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}

/** Escapes the five special characters of XML, and replaces those that it cannot contain. */
export function escapeXml(text: string): string {
  const signs: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"']/g, (sign) => signs[sign] ?? sign);
}

/** `text`, or as much of its beginning as fits, with an ellipsis. */
export function fitText(text: string, style: TextStyle, width: number): string {
  if (textWidth(text, style) <= width) return text;
  const letters = [...text];
  let [fits, tooLong] = [0, letters.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (textWidth(`${letters.slice(0, middle).join('')}…`, style) <= width) fits = middle;
    else tooLong = middle;
  }
  return `${letters.slice(0, fits).join('')}…`;
}
