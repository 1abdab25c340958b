import sharp from 'sharp';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import {
  type Drawing,
  fitText,
  rasterize,
  svgElement,
  type TextStyle,
  textElement,
  textWidth,
  WHITE_GROUND,
} from './drawing.ts';

/** White pixels between the images and around them. */
const GAP = 4;
/** Images are enlarged to about this size, as long as the grid is not larger than that. */
const IMAGE_SIZE = 112;
const GRID_SIZE = 1300;
const LABEL: TextStyle = { size: 15 };
/** Height of the column labels; space between a row's label and its images. */
const LABEL_HEIGHT = 22;
const LABEL_SPACE = 8;
const WIDEST_ROW_LABEL = 240;
/** Images in a row above their reconstructions. */
const MAX_PAIRS = 8;

/** `[n, height, width, channels]`: bytes 0–255, or floats in [0, 1]. */
type Pixels = Uint8Array | Float32Array;

export interface ImageGrid {
  readonly shape: ImageShape;
  /** Row by row; the last row may be short. */
  readonly images: Pixels;
  readonly columns: number;
  /** Integer factor by which images are enlarged; by default it depends on the sizes of image and grid. */
  readonly scale?: number | undefined;
  readonly columnLabels?: readonly string[] | undefined;
  readonly rowLabels?: readonly string[] | undefined;
}

type GridLayout = ReturnType<typeof layoutOf>;

/**
 * The layout of a grid in pixels of the picture: its size, the left edge of each column, and the top edge of each row.
 * @throws RangeError unless `images` contains complete images of 1 or 3 channels, at least one
 */
export function layoutOf({ shape, images, columns, scale, columnLabels, rowLabels }: ImageGrid) {
  const { height, width, channels } = shape;
  const count = images.length / bytesPerImage(shape);
  if (!Number.isInteger(count) || count < 1 || !(channels === 1 || channels === 3) || !(columns >= 1)) {
    throw new RangeError(
      `${images.length} numbers are not images of ${height}×${width}×${channels} in ${columns} columns`,
    );
  }
  const rows = Math.ceil(count / columns);
  const enlarged = scale ?? scaleFor(shape, rows, columns);
  const widest = Math.max(0, ...(rowLabels ?? []).map((label) => textWidth(label, LABEL)));
  const left = GAP + (rowLabels ? Math.ceil(Math.min(widest, WIDEST_ROW_LABEL)) + 2 * LABEL_SPACE : 0);
  const top = GAP + (columnLabels ? LABEL_HEIGHT : 0);
  const edges = (from: number, step: number, n: number) => Array.from({ length: n }, (_, i) => from + i * (step + GAP));
  return {
    scale: enlarged,
    width: left + columns * (width * enlarged + GAP),
    height: top + rows * (height * enlarged + GAP),
    lefts: edges(left, width * enlarged, columns),
    tops: edges(top, height * enlarged, rows),
  };
}

function scaleFor({ height, width }: ImageShape, rows: number, columns: number): number {
  const larger = Math.max(height, width);
  const most = GRID_SIZE / Math.max(columns * width, rows * height);
  return Math.max(1, Math.floor(Math.min(Math.round(IMAGE_SIZE / larger), most)));
}

/**
 * Draws images in rows and columns on white, enlarged by an integer so that each pixel stays a sharp square, with optional
 * labels above the columns and left of the rows.
 * @throws RangeError unless `images` contains complete images of 1 or 3 channels
 */
export async function drawGrid(grid: ImageGrid): Promise<Drawing> {
  const layout = layoutOf(grid);
  const { width, height } = layout;
  const { channels } = grid.shape;
  const labels = labelElements(grid, layout);
  const tiles = new Uint8Array(height * width * channels).fill(255);
  placeImages(tiles, grid, layout);
  const tilesPng = await pngOf(tiles, width, height, channels);
  const href = `data:image/png;base64,${Buffer.from(tilesPng).toString('base64')}`;
  const image = `<image width="${width}" height="${height}" style="image-rendering:pixelated" href="${href}"/>`;
  const svg = svgElement(width, height, image + labels);
  if (labels === '') return { width, height, channels, png: tilesPng, svg };
  const lettered = rasterize(svgElement(width, height, WHITE_GROUND + labels)).pixels;
  // Where there are labels the tiles are white, and the other way round.
  for (let i = 0; i < tiles.length; i++) {
    const letter = lettered[4 * Math.floor(i / channels) + (i % channels)] ?? 0;
    tiles[i] = Math.min(tiles[i] ?? 0, letter);
  }
  return { width, height, channels, png: await pngOf(tiles, width, height, channels), svg };
}

function placeImages(tiles: Uint8Array, { shape, images, columns }: ImageGrid, layout: GridLayout): void {
  const { scale, lefts, tops, width } = layout;
  const { channels } = shape;
  const bytes = toBytes(images);
  const count = images.length / bytesPerImage(shape);
  for (let index = 0; index < count; index++) {
    const left = lefts[index % columns] ?? 0;
    const top = tops[Math.floor(index / columns)] ?? 0;
    for (let y = 0; y < shape.height; y++) {
      const row = (index * shape.height + y) * shape.width;
      const to = ((top + y * scale) * width + left) * channels;
      const length = shape.width * scale * channels;
      for (let i = 0; i < length; i++) {
        tiles[to + i] = bytes[(row + Math.floor(i / (scale * channels))) * channels + (i % channels)] ?? 0;
      }
      for (let copy = 1; copy < scale; copy++) tiles.copyWithin(to + copy * width * channels, to, to + length);
    }
  }
}

const toBytes = (pixels: Pixels): Uint8Array =>
  pixels instanceof Uint8Array ? pixels : new Uint8Array(Uint8ClampedArray.from(pixels, (value) => value * 255));

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
  const left = rowLabels.slice(0, tops.length).map((label, row) => {
    const [x, y] = [(lefts[0] ?? 0) - LABEL_SPACE, (tops[row] ?? 0) + cell.height / 2 + LABEL.size * 0.36];
    return textElement(fitText(label, LABEL, WIDEST_ROW_LABEL), { ...LABEL, x, y, anchor: 'end' });
  });
  return [...above, ...left].join('');
}

/** The font size at which the longest label fits, but not too small to read. */
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

export interface ReconstructionGrid {
  readonly shape: ImageShape;
  readonly originals: Pixels;
  readonly reconstructions: Pixels;
}

/** Draws images with their reconstructions below them, in as many double rows as are needed. */
export async function drawReconstructions(grid: ReconstructionGrid): Promise<Drawing> {
  const { shape, originals, reconstructions } = grid;
  const [above, below] = [toBytes(originals), toBytes(reconstructions)];
  if (above.length !== below.length)
    throw new RangeError(`${above.length} bytes of images, ${below.length} of reconstructions`);
  const size = bytesPerImage(shape);
  const count = above.length / size;
  const across = Math.min(MAX_PAIRS, count);
  const blocks = Math.ceil(count / across);
  const images = new Uint8Array(2 * blocks * across * size).fill(255);
  for (let block = 0; block < blocks; block++) {
    const part = [block * across * size, Math.min(count, (block + 1) * across) * size] as const;
    images.set(above.subarray(...part), 2 * block * across * size);
    images.set(below.subarray(...part), (2 * block + 1) * across * size);
  }
  const rowLabels = Array.from({ length: blocks }, () => ['original', 'reconstruction']).flat();
  return drawGrid({ shape, images, columns: across, rowLabels });
}

type Images = Pick<ImageGrid, 'shape' | 'images'>;

/** Draws samples of a conditional model: a column for each class, with its name. */
export const drawConditionalSamples = ({ classes, ...images }: Images & { classes: readonly string[] }) =>
  drawGrid({ ...images, columns: classes.length, columnLabels: classes });

/** Draws interpolations, one in each row of `steps` images, with the percentage of the way above the columns. */
export function drawInterpolations({ steps, ...images }: Images & { steps: number }): Promise<Drawing> {
  const columnLabels = Array.from({ length: steps }, (_, i) => `${Math.round((100 * i) / Math.max(1, steps - 1))} %`);
  return drawGrid({ ...images, columns: steps, columnLabels });
}
