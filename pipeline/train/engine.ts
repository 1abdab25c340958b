import type { Feeds, Values } from 'tfjs-to-onnx';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import type { Controls } from './controls.ts';
import type { ProgramName, TrainingProgram } from './program.ts';

/** The values of `--engine` and `--device`. They are here so that reading them loads no engine. */
export const engineChoices = ['auto', 'onnx', 'tfjs-node', 'tfjs-node-gpu', 'tfjs-cpu'] as const;
export const deviceChoices = ['auto', 'cpu', 'cuda', 'webgpu'] as const;
export type EngineChoice = (typeof engineChoices)[number];
export type DeviceChoice = (typeof deviceChoices)[number];

/** A batch in host memory. Arrays may be longer than the batch. */
export interface HostBatch {
  /** Number of images, N. */
  readonly count: number;
  /** Pixels 0–255, `[N, H, W, C]`. */
  readonly images: Uint8Array;
  /** Class indices `[N]`; present where the model is conditional. */
  readonly labels?: Int32Array | undefined;
  /** Standard-normal noise in the model's `noiseShape(N)`; present where it needs noise. */
  readonly noise?: Float32Array | undefined;
  /** 1 by default. */
  readonly controls?: Partial<Controls> | undefined;
}

/** Latents in host memory. */
export interface HostCodes {
  readonly count: number;
  /** `[N, D]` */
  readonly latents: Float32Array;
  /** Class indices `[N]`; present where the model is conditional. */
  readonly labels?: Int32Array | undefined;
}

/** Means per pixel over a batch: `loss`, `reconstruction` and, for VAEs, `kl`. */
export type Metrics = Readonly<Record<string, number>>;

/**
 * Runs a training program. Weights enter through the program's tfjs variables, when the engine is created, and leave
 * through them (`pull`); between steps an engine keeps them where it likes.
 */
export interface Engine {
  readonly name: string;
  /** One line for people: library, version, device, threads. */
  readonly description: string;
  readonly imageShape: ImageShape;
  /** Trains on one batch. */
  step(batch: HostBatch): Promise<Metrics>;
  /** The losses on a batch; changes nothing. */
  evaluate(batch: HostBatch): Promise<Metrics>;
  /** Reconstructions from the mean of the latent, in [0, 1], `[N, H, W, C]`. */
  reconstruct(batch: HostBatch): Promise<Float32Array>;
  /** The latent of each image (a VAE's mean), `[N, D]`. */
  encode(batch: HostBatch): Promise<Float32Array>;
  /** Images in [0, 1], `[N, H, W, C]`, from latents. */
  decode(codes: HostCodes): Promise<Float32Array>;
  /** Brings the program's variables (weights and optimizer state) up to date. */
  pull(): Promise<void>;
  /** Takes the present values of the program's variables, after a checkpoint was loaded into them. */
  push(): Promise<void>;
  dispose(): Promise<void>;
}

/** Runs the programs by name: the part in which engines differ. */
export interface ProgramRunner extends Pick<Engine, 'pull' | 'push' | 'dispose'> {
  run(program: ProgramName, feeds: Feeds): Promise<Readonly<Record<string, Values>>>;
}

/** The engine that runs a program with `runner`. */
export function engineOf(
  { size, autoencoder }: TrainingProgram,
  { name, description, runner }: { name: string; description: string; runner: ProgramRunner },
): Engine {
  const { height, width, channels, latent } = size;
  const imageShape = { height, width, channels };
  const imagesIn = ({ count, images, labels }: HostBatch): Feeds => ({
    image: images.subarray(0, count * bytesPerImage(imageShape)),
    label: labels?.subarray(0, count),
  });
  const everythingIn = (batch: HostBatch): Feeds => {
    const noise = autoencoder.noiseShape(batch.count)?.reduce((length, d) => length * d, 1);
    return { ...imagesIn(batch), noise: batch.noise?.subarray(0, noise), rate: 1, klWeight: 1, ...batch.controls };
  };
  const output = async (program: ProgramName, feeds: Feeds, output: string): Promise<Float32Array> =>
    (await runner.run(program, feeds))[output] as Float32Array;
  const losses = async (program: ProgramName, batch: HostBatch): Promise<Metrics> => {
    const outputs = Object.entries(await runner.run(program, everythingIn(batch)));
    return Object.fromEntries(outputs.map(([loss, [value = Number.NaN]]) => [loss, value]));
  };
  return {
    name,
    description,
    imageShape,
    step: (batch) => losses('step', batch),
    evaluate: (batch) => losses('evaluate', batch),
    reconstruct: (batch) => output('reconstruct', imagesIn(batch), 'reconstruction'),
    encode: (batch) => output('encode', imagesIn(batch), 'latent'),
    decode: ({ count, latents, labels }) =>
      output(
        'decode',
        { latent: latents.subarray(0, count * latent), label: labels?.subarray(0, count) },
        'reconstruction',
      ),
    pull: () => runner.pull(),
    push: () => runner.push(),
    dispose: () => runner.dispose(),
  };
}
