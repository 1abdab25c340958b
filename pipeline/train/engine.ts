import type { Compiled, Feeds, Values } from 'tfjs-to-onnx';
import type { Controls } from './controls.ts';
import type { ProgramName } from './program.ts';

/** The values of `--engine` and `--device`. They are here so that reading them loads no engine. */
export const engineChoices = ['auto', 'onnx', 'tfjs-node', 'tfjs-node-gpu', 'tfjs-onnx', 'tfjs-cpu'] as const;
export const deviceChoices = ['auto', 'cpu', 'cuda', 'webgpu'] as const;
export type EngineChoice = (typeof engineChoices)[number];
export type DeviceChoice = (typeof deviceChoices)[number];

/** A batch in host memory. */
export interface HostBatch {
  /** Number of images, N. */
  readonly count: number;
  /** Pixels 0–255, `[N, H, W, C]`. */
  readonly images: Uint8Array;
  /** Class indices `[N]`; read by conditional models only. */
  readonly labels?: Int32Array | undefined;
  /** Standard-normal noise in the model's `noiseShape(N)`, where it needs noise. */
  readonly noise?: Float32Array | undefined;
  /** The probability of each cluster that the images are to have, `[N, K]`, where the model has clusters. */
  readonly target?: Float32Array | undefined;
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
  /** The probability of each cluster, `[N, K]`, of a model that has clusters. */
  assign(batch: HostBatch): Promise<Float32Array>;
  /** Images in [0, 1], `[N, H, W, C]`, from latents `[N, D]` (and labels `[N]` where the model is conditional). */
  decode(latents: Float32Array, labels?: Int32Array | undefined): Promise<Float32Array>;
  /** Brings the program's variables (weights and optimizer state) up to date. */
  pull(): Promise<void>;
  dispose(): Promise<void>;
}

/** Runs the programs by name: the part in which engines differ. */
export type ProgramRunner = Pick<Compiled<ProgramName>, 'pull' | 'dispose'> & {
  run(program: ProgramName, feeds: Feeds): Promise<Readonly<Record<string, Values>>>;
};

/** The engine that runs its programs with `runner`. */
export function engineOf(runner: ProgramRunner, description: string): Engine {
  const imagesIn = ({ images, labels }: HostBatch): Feeds => ({ image: images, label: labels });
  const losses = async (program: ProgramName, batch: HostBatch): Promise<Metrics> => {
    const { noise, target, controls } = batch;
    const feeds = { ...imagesIn(batch), noise, target, rate: 1, klWeight: 1, ...controls };
    const outputs = await runner.run(program, feeds);
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
    assign: (batch) => onlyOutput('assign', imagesIn(batch)),
    decode: (latents, labels) => onlyOutput('decode', { latent: latents, label: labels }),
    pull: () => runner.pull(),
    dispose: () => runner.dispose(),
  };
}
