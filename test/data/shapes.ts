/**
 * `node --import tsx test/data/shapes.ts FOLDER COUNT`: a folder of colour PNGs, 32×32, of drawn shapes; the subfolders of
 * `train/` and `test/` are the classes.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { Generator } from '../../pipeline/data/generator.ts';

const SIDE = 32;

const outlines: Readonly<Record<string, string>> = {
  circle: '<circle r="9"/>',
  ring: '<circle r="8" fill="none" stroke-width="4"/>',
  square: '<rect x="-8" y="-8" width="16" height="16"/>',
  triangle: '<path d="M0-10 9 7H-9Z"/>',
  cross: '<path d="M-3-10h6v7h7v6h-7v7h-6v-7h-7v-6h7z"/>',
};

/** Draws `count` images, a sixth of them for testing, each shape in its own colour, place, size and turn. */
export async function makeShapes(folder: string, count: number, side = SIDE): Promise<void> {
  const generator = Generator.of(0, 'shapes');
  const within = (low: number, high: number) => low + (high - low) * generator.uniform();
  for (let i = 0; i < count; i++) {
    const [name = '', outline = ''] = Object.entries(outlines)[i % 5] ?? [];
    const colour = `hsl(${within(0, 360).toFixed(0)} 80% ${within(45, 70).toFixed(0)}%)`;
    const ground = `hsl(${within(0, 360).toFixed(0)} 30% ${within(8, 25).toFixed(0)}%)`;
    const turn = `translate(${within(12, 20)} ${within(12, 20)}) rotate(${within(-25, 25)}) scale(${within(0.7, 1.1)})`;
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" viewBox="0 0 ${SIDE} ${SIDE}"><rect width="100%" height="100%" fill="${ground}"/><g fill="${colour}" stroke="${outline.includes('stroke') ? colour : 'none'}" transform="${turn}">${outline}</g></svg>`;
    const target = join(folder, i % 30 < 5 ? 'test' : 'train', name);
    await mkdir(target, { recursive: true });
    await sharp(Buffer.from(svg))
      .removeAlpha()
      .png()
      .toFile(join(target, `${String(i).padStart(5, '0')}.png`));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await makeShapes(process.argv[2] ?? 'shapes', Number(process.argv[3] ?? 3000));
}
