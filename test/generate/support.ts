import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Card } from '../../pipeline/artifacts/card.ts';
import { readCard, writeCard } from '../../pipeline/artifacts/exported.ts';
import { decoderWeights, exportTiny, type TinyOptions, tiny } from '../encode/tiny-model.ts';
import { decode } from '../pictures/support.ts';

type Mixture = NonNullable<Card['latent']['mixture']>;

/** Two components far apart, both with correlated axes. */
export const tinyMixture: Mixture = {
  over: 'train',
  codes: 100,
  logLikelihood: -1,
  weights: [0.25, 0.75],
  means: [
    [-6, 2],
    [8, -4],
  ],
  factors: [
    [1, 0.5, 2],
    [0.5, -1, 0.25],
  ],
};

/** The tiny model, its card completed as newer exports complete it. */
export async function exportSampled(
  folder: string,
  {
    variational = false,
    mixture = tinyMixture,
    ...options
  }: TinyOptions & { variational?: boolean; mixture?: Mixture } = {},
): Promise<string> {
  await exportTiny(folder, { ...(variational && { logvar: 0 }), ...options });
  const card = await readCard(folder);
  const [model, latent] = [
    { ...card.model, variational },
    { ...card.latent, mixture },
  ];
  await writeCard(folder, { ...card, model, latent });
  return folder;
}

/** What the tiny decoder gives, by hand: sigmoid((latent + label) × weights), `[6]`. */
export const tinyImage = (latent: ArrayLike<number>, label = 0): number[] =>
  Array.from({ length: tiny.pixels }, (_, i) => {
    const logit = [0, 1].reduce(
      (sum, d) => sum + ((latent[d] ?? 0) + label) * (decoderWeights[tiny.pixels * d + i] ?? 0),
      0,
    );
    return 1 / (1 + Math.exp(-logit));
  });

/** The same in the bytes of an image file. */
export const tinyBytes = (latent: ArrayLike<number>, label = 0): number[] =>
  tinyImage(latent, label).map((value) => Math.round(value * 255));

/** Gray values of a PNG file. */
export async function grayOf(path: string): Promise<{ width: number; height: number; gray: number[] }> {
  const { width, height, channels, data } = await decode(readFileSync(path));
  return { width, height, gray: Array.from({ length: width * height }, (_, i) => data[i * channels] ?? -1) };
}

/** The lines of a folder's latents.csv. */
export function latentsIn(folder: string): { image: string; class: string | undefined; latent: Float32Array }[] {
  const [head = '', ...lines] = readFileSync(join(folder, 'latents.csv'), 'utf8').trimEnd().split('\n');
  const names = head.split(',');
  return lines.map((line) => {
    const fields = line.split(',');
    const field = (name: string) => fields[names.indexOf(name)];
    return {
      image: field('image') ?? '',
      class: names.includes('class') ? field('class') : undefined,
      latent: Float32Array.from(
        names.filter((name) => /^z\d+$/.test(name)),
        (name) => Number(field(name)),
      ),
    };
  });
}
