import { join } from 'node:path';
import type { ImageDataset } from '../data/dataset.ts';
import { cached, cacheFolder } from '../io/cache.ts';
import { sha256 } from '../io/digest.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import type { Tick } from '../io/stages.ts';
import type { ExportedModel } from './exported.ts';
import { type ComputeOptions, encodingGraphs, providerOf } from './plan.ts';
import { type LatentSet, type Sessions, withSessions } from './sessions.ts';

/** Raised when the same model and images would give other numbers. */
const FORMAT = 1;
/** Bytes of all files in the cache, and of one: larger sets are not kept. The least recently used files go first. */
const CACHE = { limit: 2 ** 30, largest: 2 ** 28 };

export interface LatentSetOptions extends ComputeOptions {
  /** Whether to compute reconstruction errors too. */
  readonly errors: boolean;
  /** Running sessions of the model's graphs; started when not given and needed. */
  readonly sessions?: Sessions | undefined;
  readonly tick?: Tick | undefined;
}

/**
 * Encodes a data set, or takes its latents from the user's cache. They are kept there by the SHA-256 of the model's files,
 * the fingerprint of the data and the execution provider, 1 GiB at most. What is missing or damaged is computed again; a
 * cache that cannot be used costs only time.
 * @throws InputError when an image cannot be read or its latent is not finite; EnvironmentError; Interrupted
 */
export async function latentsOf(
  model: ExportedModel,
  dataset: ImageDataset,
  options: LatentSetOptions,
): Promise<LatentSet> {
  const { errors, signal, tick } = options;
  const count = dataset.length * model.card.latent.size;
  if (8 * count > CACHE.largest) return encodeAll(model, dataset, options);
  const key = await keyOf(model, dataset, options);
  let encoding: Promise<LatentSet> | undefined;
  const entry = async (part: 'latents' | 'errors', lengths: readonly number[]): Promise<Float32Array> => {
    const make = async () => {
      encoding ??= encodeAll(model, dataset, options);
      const { latents, logvars, errors } = await encoding;
      const arrays = part === 'latents' ? [latents, logvars] : [errors];
      return Buffer.concat(arrays.flatMap((array) => (array ? new Uint8Array(array.buffer) : [])));
    };
    const accepts = ({ length }: Uint8Array) => lengths.includes(length / 4);
    const file = { signal, accepts, extension: 'f32', limit: CACHE.limit };
    const bytes = await cached(join(cacheFolder(), 'latents'), `${key}-${part}`, make, file).catch((error: unknown) => {
      if (error instanceof InputError || error instanceof EnvironmentError) return make();
      throw error;
    });
    return new Float32Array(new Uint8Array(bytes).buffer);
  };
  const both = await entry('latents', [count, 2 * count]);
  const set = {
    latents: both.slice(0, count),
    logvars: both.length > count ? both.slice(count) : undefined,
    errors: errors ? await entry('errors', [dataset.length]) : undefined,
  };
  tick?.(1);
  return set;
}

async function keyOf({ card }: ExportedModel, dataset: ImageDataset, { device }: ComputeOptions): Promise<string> {
  const { files, model } = card;
  const graphs = [files['encoder.onnx'].sha256, files['decoder.onnx'].sha256, model.error];
  return sha256(JSON.stringify([FORMAT, ...graphs, await dataset.fingerprint(), providerOf(device)])).slice(0, 32);
}

function encodeAll(model: ExportedModel, dataset: ImageDataset, options: LatentSetOptions): Promise<LatentSet> {
  const encode = (sessions: Sessions) => sessions.encodeAll(dataset, options);
  if (options.sessions) return encode(options.sessions);
  return withSessions(model, { ...options, graphs: encodingGraphs(options.errors), images: dataset.length }, encode);
}
