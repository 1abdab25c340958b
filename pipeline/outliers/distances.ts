import { nearestNeighbours } from '../analyse/knn.ts';
import { type Encoded, logOf, type Unusual, type Usual, unusualnessBy } from '../analyse/unusual.ts';
import { fitUsual } from '../analyse/usual.ts';
import type { DistanceKind } from '../artifacts/distances.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';

/** Components of a mixture, and nearest training images. */
const COMPONENTS = 10;
const NEIGHBOURS = 10;

/** Says how unusual images are; `usual` is what a card needs for that, if a card can hold it. */
export interface Measure {
  readonly usual: Usual | undefined;
  unusual(images: Encoded, tick: Tick): Promise<Unusual>;
}

/** Learns what is usual from training images. */
export async function learn(
  kind: DistanceKind,
  train: Encoded,
  size: number,
  seed: number,
  tick: Tick,
): Promise<Measure> {
  if (kind === 'knn')
    return { usual: undefined, unusual: (images, tick) => amongNeighbours(train, images, size, tick) };
  const usual = await fitUsual(train, size, { components: kind === 'mixture' ? COMPONENTS : 1, seed, tick });
  return { usual, unusual: (images, tick) => inStretches(unusualnessBy(usual, size), usual, images, size, tick) };
}

/** Measures images a few at a time. Yields to the event loop. */
async function inStretches(
  unusual: (images: Encoded) => Unusual,
  { weights, factors }: Usual,
  { latents, errors }: Encoded,
  size: number,
  tick: Tick,
): Promise<Unusual> {
  const n = latents.length / size;
  const [distances, surprises] = [new Float32Array(n), errors && new Float32Array(n)];
  const pause = pauses(tick);
  for (const { from, to } of rowStretches(n, weights.length * (factors[0]?.length ?? 1))) {
    const found = unusual({ latents: latents.subarray(from * size, to * size), errors: errors?.subarray(from, to) });
    distances.set(found.distances, from);
    if (found.surprises) surprises?.set(found.surprises, from);
    await pause(to / n);
  }
  return { distances, surprises };
}

/** Mean distance from the nearest training latents, and the logarithm of the error less the mean of theirs. */
async function amongNeighbours(train: Encoded, images: Encoded, size: number, tick: Tick): Promise<Unusual> {
  const n = images.latents.length / size;
  const k = Math.min(NEIGHBOURS, train.latents.length / size);
  const { indices, squaredDistances } = await nearestNeighbours(train.latents, images.latents, size, {
    k,
    tick: (done) => tick(done / n),
  });
  const mean = (row: number, value: (at: number) => number) => {
    let sum = 0;
    for (let at = row * k; at < (row + 1) * k; at++) sum += value(at);
    return sum / k;
  };
  const { errors } = train;
  const expected = (row: number) => mean(row, (at) => logOf(errors?.[indices[at] as number] as number));
  return {
    distances: Float32Array.from({ length: n }, (_, row) =>
      mean(row, (at) => Math.sqrt(squaredDistances[at] as number)),
    ),
    surprises: errors && images.errors?.map((error, row) => logOf(error) - expected(row)),
  };
}
