/**
 * Draws a set of textures, some with a small defect, as data laid out like MVTec AD: `train/good`, `test/good` and
 * `test/scratch`, `test/spot`, `test/hole`, with masks of the defects in `ground_truth`.
 *
 *     node --import tsx bench/outliers/main.ts FOLDER [side (default 64) [training images (800) [seed (0)]]]
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { Generator } from '../../pipeline/data/generator.ts';

const [folder, side = '64', images = '800', seed = '0'] = process.argv.slice(2);
if (folder === undefined) throw new Error('name a folder to write');
const size = Number(side);
const generator = Generator.of(Number(seed), 'textures');
const between = (low: number, high: number) => low + (high - low) * generator.uniform();

type Paint = (x: number, y: number, value: number) => number;

/** Gray values of a weave, whose phase and period vary a little, with some noise. */
function texture(): Uint8Array {
  const period = between(7.5, 8.5) * (size / 64);
  const phase = [between(0, 2 * Math.PI), between(0, 2 * Math.PI)] as const;
  const noise = new Float32Array(size * size);
  generator.fillNormal(noise);
  return Uint8Array.from(noise, (value, i) => {
    const wave = (at: number, which: 0 | 1) => Math.sin((2 * Math.PI * at) / period + phase[which]);
    const woven = 128 + 45 * wave(i % size, 0) + 45 * wave(Math.floor(i / size), 1);
    return Math.max(0, Math.min(255, woven + 4 * value));
  });
}

/** Paints a defect of about a tenth of the side. */
const defects: Record<string, () => Paint> = {
  scratch() {
    const [cx, cy, angle] = [between(0.25, 0.75) * size, between(0.25, 0.75) * size, between(0, Math.PI)];
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
    return (x, y, value) => {
      const along = (x - cx) * dx + (y - cy) * dy;
      const across = (y - cy) * dx - (x - cx) * dy;
      return Math.abs(along) < size / 7 && Math.abs(across) < size / 64 ? 245 : value;
    };
  },
  spot: () => disc((value) => value * 0.3),
  hole: () => disc(() => 128),
};

function disc(paint: (value: number) => number): Paint {
  const [cx, cy, radius] = [between(0.2, 0.8) * size, between(0.2, 0.8) * size, between(0.06, 0.1) * size];
  return (x, y, value) => (Math.hypot(x - cx, y - cy) < radius ? paint(value) : value);
}

async function save(file: string, pixels: Uint8Array): Promise<void> {
  const path = join(folder as string, file);
  await mkdir(dirname(path), { recursive: true });
  const image = sharp(pixels, { raw: { width: size, height: size, channels: 1 } });
  await image.toColourspace('b-w').png().toFile(path);
}

async function write(part: 'train' | 'test', kind: string, count: number, defect?: () => Paint): Promise<void> {
  for (let i = 0; i < count; i++) {
    const plain = texture();
    const paint = defect?.();
    const pixels = paint ? plain.map((value, at) => paint(at % size, Math.floor(at / size), value)) : plain;
    const name = `${kind}/${String(i).padStart(4, '0')}`;
    await save(`${part}/${name}.png`, pixels);
    const mask = pixels.map((value, at) => (value === plain[at] ? 0 : 255));
    if (paint) await save(`ground_truth/${name}_mask.png`, mask);
  }
}

await write('train', 'good', Number(images));
await write('test', 'good', 200);
for (const [name, defect] of Object.entries(defects)) await write('test', name, 60, defect);
