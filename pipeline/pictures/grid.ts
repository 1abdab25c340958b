import sharp from 'sharp';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import { type Drawing, fitText, rasterize, type TextStyle, textElement, textWidth } from './drawing.ts';

/** White pixels between the images and around them. */
const GAP = 4;
/** An image is enlarged to about this size, and a whole grid to no more than that. */
const IMAGE_SIZE = 112;
const GRID_SIZE = 1300;
const LABEL: TextStyle = { size: 15 };
/** Height of a row of column labels; room between a row's label and its images. */
const LABEL_HEIGHT = 22;
const LABEL_ROOM = 8;
const WIDEST_ROW_LABEL = 240;

export interface ImageGrid {
  readonly shape: ImageShape;
  /** Row after row, `[n, height, width, channels]`: bytes 0–255, or numbers in [0, 1]. The last row may be short. */
  readonly images: Uint8Array | Float32Array;
  readonly columns: number;
  /** Pixels of the picture for each of an image, a whole number; by default what suits the size of image and grid. */
  readonly scale?: number | undefined;
  readonly columnLabels?: readonly string[] | undefined;
  readonly rowLabels?: readonly string[] | undefined;
}

/** Where the images of a grid are, in pixels of the picture. */
export interface GridLayout {
  readonly rows: number;
  readonly scale: number;
  readonly width: number;
  readonly height: number;
  /** Left edge of each column, top edge of each row. */
  readonly lefts: readonly number[];
  readonly tops: readonly number[];
}

/** @throws RangeError unless `images` holds whole images of 1 or 3 channels, at least one */
export function layoutOf({ shape, images, columns, scale, columnLabels, rowLabels }: ImageGrid): GridLayout {
  const count = images.length / bytesPerImage(shape);
  if (!Number.isInteger(count) || count < 1 || !(shape.channels === 1 || shape.channels === 3) || !(columns >= 1)) {
    const { height, width, channels } = shape;
    throw new RangeError(
      `${images.length} numbers are not images of ${height}×${width}×${channels} in ${columns} columns`,
    );
  }
  const rows = Math.ceil(count / columns);
  const enlarged = scale ?? scaleFor(shape, rows, columns);
  const widest = Math.max(0, ...(rowLabels ?? []).map((label) => textWidth(label, LABEL)));
  const left = GAP + (rowLabels ? Math.ceil(Math.min(widest, WIDEST_ROW_LABEL)) + 2 * LABEL_ROOM : 0);
  const top = GAP + (columnLabels ? LABEL_HEIGHT : 0);
  const edges = (from: number, step: number, n: number) => Array.from({ length: n }, (_, i) => from + i * (step + GAP));
  return {
    rows,
    scale: enlarged,
    width: left + columns * (shape.width * enlarged + GAP),
    height: top + rows * (shape.height * enlarged + GAP),
    lefts: edges(left, shape.width * enlarged, columns),
    tops: edges(top, shape.height * enlarged, rows),
  };
}

function scaleFor({ height, width }: ImageShape, rows: number, columns: number): number {
  const larger = Math.max(height, width);
  const most = GRID_SIZE / Math.max(columns * width, rows * height);
  return Math.max(1, Math.floor(Math.min(Math.round(IMAGE_SIZE / larger), most)));
}

/**
 * Images in rows and columns on white, enlarged by a whole number so that each pixel stays a sharp square, with labels
 * above the columns and left of the rows where they are given.
 * @throws RangeError unless `images` holds whole images of 1 or 3 channels
 */
export async function drawGrid(grid: ImageGrid): Promise<Drawing> {
  const layout = layoutOf(grid);
  const { width, height } = layout;
  const { channels } = grid.shape;
  const labels = labelElements(grid, layout);
  const tiles = new Uint8Array(height * width * channels).fill(255);
  placeImages(tiles, grid, layout);
  const tilesPng = await pngOf(tiles, width, height, channels);
  const open = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`;
  const ground = '<rect width="100%" height="100%" fill="white"/>';
  const image = `<image width="${width}" height="${height}" style="image-rendering:pixelated" href="data:image/png;base64,${Buffer.from(tilesPng).toString('base64')}"/>`;
  const svg = `${open}${image}${labels}</svg>`;
  if (labels === '') return { width, height, channels, png: tilesPng, svg };
  const lettered = rasterize(`${open}${ground}${labels}</svg>`).pixels;
  for (let i = 0; i < width * height; i++) {
    // labels lie beside the images, where tiles are white
    for (let c = 0; c < channels; c++)
      tiles[i * channels + c] = Math.min(tiles[i * channels + c] ?? 0, lettered[i * 4 + c] ?? 0);
  }
  return { width, height, channels, png: await pngOf(tiles, width, height, channels), svg };
}

function placeImages(
  tiles: Uint8Array,
  { shape, images, columns }: ImageGrid,
  { scale, lefts, tops, width }: GridLayout,
): void {
  const { channels } = shape;
  const bytes = images instanceof Uint8Array ? images : Uint8ClampedArray.from(images, (value) => value * 255);
  const count = images.length / bytesPerImage(shape);
  for (let index = 0; index < count; index++) {
    const left = lefts[index % columns] ?? 0;
    const top = tops[Math.floor(index / columns)] ?? 0;
    for (let y = 0; y < shape.height * scale; y++) {
      const row = (index * shape.height + Math.floor(y / scale)) * shape.width;
      for (let x = 0; x < shape.width * scale; x++) {
        const from = (row + Math.floor(x / scale)) * channels;
        const to = ((top + y) * width + left + x) * channels;
        for (let c = 0; c < channels; c++) tiles[to + c] = bytes[from + c] ?? 0;
      }
    }
  }
}

function labelElements(
  { shape, columnLabels = [], rowLabels = [] }: ImageGrid,
  { scale, lefts, tops }: GridLayout,
): string {
  const cell = { width: shape.width * scale, height: shape.height * scale };
  const style = { size: fittingSize(columnLabels, cell.width) };
  const above = columnLabels.slice(0, lefts.length).map((label, column) => {
    const x = (lefts[column] ?? 0) + cell.width / 2;
    return textElement(fitText(label, style, cell.width), { ...style, x, y: LABEL_HEIGHT - 4, anchor: 'middle' });
  });
  const beside = rowLabels.slice(0, tops.length).map((label, row) => {
    const y = (tops[row] ?? 0) + cell.height / 2 + LABEL.size * 0.36;
    return textElement(fitText(label, LABEL, WIDEST_ROW_LABEL), {
      ...LABEL,
      x: (lefts[0] ?? 0) - LABEL_ROOM,
      y,
      anchor: 'end',
    });
  });
  return [...above, ...beside].join('');
}

/** The size at which the longest of the labels fits, within what can be read. */
function fittingSize(labels: readonly string[], width: number): number {
  const widest = Math.max(...labels.map((label) => textWidth(label, LABEL)));
  return Math.max(10, Math.min(LABEL.size, Math.floor((LABEL.size * width) / widest)));
}

async function pngOf(pixels: Uint8Array, width: number, height: number, channels: number): Promise<Uint8Array> {
  return sharp(pixels, { raw: { width, height, channels: channels === 1 ? 1 : 3 } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
}
