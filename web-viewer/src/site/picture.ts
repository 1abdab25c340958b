import { FileProblem } from './problem.ts';

/** No colour conversion, no premultiplied alpha. */
const EXACT: ImageBitmapOptions = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };

/**
 * A picture with exact pixels.
 * @param problem what to say where it is not a picture
 * @param options none for a large picture that has neither a colour profile nor alpha: with any, this thread copies it
 * @throws FileProblem
 */
export const bitmapOf = (file: Blob, problem: string, options = EXACT): Promise<ImageBitmap> =>
  createImageBitmap(file, options).catch(() => {
    throw new FileProblem(problem);
  });

/** A canvas to read pixels from. @throws FileProblem */
export function canvasOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new FileProblem('this browser cannot read pictures');
  return context;
}

/** The pixels of a picture, scaled to a size, and closes it. @throws FileProblem */
export function pixelsOf(bitmap: ImageBitmap, width = bitmap.width, height = bitmap.height): ImageData {
  const context = canvasOf(width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
