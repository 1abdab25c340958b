import type { Compiled, Feeds } from 'tfjs-to-onnx';
import { bytesPerImage } from '../data/dataset.ts';
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

/** Means per pixel over a batch: `loss`, `reconstruction` and, for VAEs, `kl`. */
export type Metrics = Readonly<Record<string, number>>;

/**
 * Runs a training program. It takes the weights from the program's tfjs variables when it is created, and `pull` writes
 * them back; between steps each engine keeps them in its own form.
 */
export interface Engine {
  /** One line for the log: library, version, device, threads. */
  readonly description: string;
  /** Trains on one batch. */
  step(batch: HostBatch): Promise<Metrics>;
  /** The losses on a batch; changes nothing. */
  evaluate(batch: HostBatch): Promise<Metrics>;
  /** Reconstructions from the mean of the latent, in [0, 1], `[N, H, W, C]`. */
  reconstruct(batch: HostBatch): Promise<Float32Array>;
  /** The latent of each image (a VAE's mean), `[N, D]`. */
  encode(batch: HostBatch): Promise<Float32Array>;
  /** Images in [0, 1], `[N, H, W, C]`, from latents `[N, D]`. */
  decode(batch: Pick<HostBatch, 'count' | 'labels'> & { readonly latents: Float32Array }): Promise<Float32Array>;
  /** Brings the program's variables (weights and optimizer state) up to date. */
  pull(): Promise<void>;
  dispose(): Promise<void>;
}

/** Runs the programs by name: the part in which engines differ. */
export type ProgramRunner = Pick<Compiled<ProgramName>, 'run' | 'pull' | 'dispose'>;

/** The engine that runs a program with `runner`. */
export function engineOf({ size, autoencoder }: TrainingProgram, runner: ProgramRunner, description: string): Engine {
  const imagesIn = ({ count, images, labels }: HostBatch): Feeds => ({
    image: images.subarray(0, count * bytesPerImage(size)),
    label: labels?.subarray(0, count),
  });
  const losses = async (program: ProgramName, batch: HostBatch): Promise<Metrics> => {
    const length = autoencoder.noiseShape(batch.count)?.reduce((product, d) => product * d, 1);
    const noise = batch.noise?.subarray(0, length);
    const outputs = await runner.run(program, { ...imagesIn(batch), noise, rate: 1, klWeight: 1, ...batch.controls });
    return Object.fromEntries(Object.entries(outputs).map(([name, [loss = Number.NaN]]) => [name, loss]));
  };
  const onlyOutput = async (program: ProgramName, feeds: Feeds): Promise<Float32Array> =>
    Object.values(await runner.run(program, feeds))[0] as Float32Array;
  return {
    description,
    step: (batch) => losses('step', batch),
    evaluate: (batch) => losses('evaluate', batch),
    reconstruct: (batch) => onlyOutput('reconstruct', imagesIn(batch)),
    encode: (batch) => onlyOutput('encode', imagesIn(batch)),
    decode: ({ count, latents, labels }) =>
      onlyOutput('decode', { latent: latents.subarray(0, count * size.latent), label: labels?.subarray(0, count) }),
    pull: () => runner.pull(),
    dispose: () => runner.dispose(),
  };
}
