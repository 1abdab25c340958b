import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import {
  type Layout,
  layoutOf,
  lowerTape,
  NEXT,
  packGraph,
  portable,
  serialize,
  type Target,
  unpackGraph,
} from 'tfjs-to-onnx';
import { webgpuAdapter } from '../../devices/webgpu.ts';
import type { Engine, HostBatch, HostCodes, Metrics } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';
import { type ProgramPart, traceProgram } from '../trace-program.ts';
import { fastestTarget } from './blocks.ts';

export interface OnnxEngineOptions {
  /** Threads inside an operator; 0 leaves the choice to ONNX Runtime. */
  readonly threads: number;
  /** The size of a full batch. */
  readonly batchSize: number;
  /** Where to compute; by default on the CPU. WebGPU is experimental. */
  readonly device?: 'cpu' | 'webgpu';
  /** What to lower for; by default the fastest that this machine computes correctly. */
  readonly target?: Target;
}

/** A state buffer, twice: a step reads one and writes the other. */
interface Held {
  current: ort.Tensor;
  spare: ort.Tensor;
}

/**
 * The traced program, run by onnxruntime-node. Weights and optimizer state stay in buffers of its own layout.
 * @throws EnvironmentError when there is no WebGPU and it is asked for
 */
export async function createOnnxEngine(program: TrainingProgram, options: OnnxEngineOptions): Promise<Engine> {
  const adapter = options.device === 'webgpu' ? await webgpuAdapter() : undefined;
  const target = options.target ?? (adapter ? portable : await fastestTarget());
  const layout = layoutOf(traceProgram(program, 'step', options.batchSize), target);
  const engine = new OnnxEngine(program, target, layout, options.threads, adapter);
  await engine.push();
  return engine;
}

class OnnxEngine implements Engine {
  readonly name = 'onnx';
  readonly description: string;
  readonly imageShape;
  readonly #program: TrainingProgram;
  readonly #target: Target;
  readonly #layout: Layout;
  readonly #threads: number;
  readonly #provider: 'cpu' | 'webgpu';
  readonly #state = new Map<string, Held>();
  readonly #sessions = new Map<string, Promise<ort.InferenceSession>>();

  /** @param adapter the WebGPU adapter to compute on, if not on the CPU */
  constructor(program: TrainingProgram, target: Target, layout: Layout, threads: number, adapter?: string) {
    this.#program = program;
    this.#target = target;
    this.#layout = layout;
    this.#threads = threads;
    this.#provider = adapter === undefined ? 'cpu' : 'webgpu';
    this.imageShape = program.size;
    const { node } = ort.env.versions;
    const device = adapter === undefined ? `CPU, ${threads || 'all'} threads` : `WebGPU (experimental) on ${adapter}`;
    this.description = `onnxruntime-node ${node}, ${device}, ${target.name} kernels`;
  }

  async step(batch: HostBatch): Promise<Metrics> {
    const session = await this.#session('step', batch.count);
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const name of session.outputNames) fetches[name] = null;
    for (const [name, { spare }] of this.#state) if (`${name}${NEXT}` in fetches) fetches[`${name}${NEXT}`] = spare;
    const outputs = await session.run(this.#feeds(session, batch), fetches);
    for (const [name, held] of this.#state) {
      if (`${name}${NEXT}` in fetches) [held.current, held.spare] = [held.spare, held.current];
    }
    return metricsOf(outputs);
  }

  async evaluate(batch: HostBatch): Promise<Metrics> {
    const session = await this.#session('evaluate', batch.count);
    return metricsOf(await session.run(this.#feeds(session, batch)));
  }

  async reconstruct(batch: HostBatch): Promise<Float32Array> {
    const session = await this.#session('reconstruct', batch.count);
    const { reconstruction } = await session.run(this.#feeds(session, batch));
    return reconstruction?.data as Float32Array;
  }

  async encode(batch: HostBatch): Promise<Float32Array> {
    const session = await this.#session('encode', batch.count);
    const { latent } = await session.run(this.#feeds(session, batch));
    return latent?.data as Float32Array;
  }

  async decode({ count, latents, labels }: HostCodes): Promise<Float32Array> {
    const session = await this.#session('decode', count);
    const { latent } = this.#program.size;
    const feeds = {
      ...this.#held(session),
      latent: new ort.Tensor('float32', latents.subarray(0, count * latent), [count, latent]),
      ...this.#label(session, count, labels),
    };
    const { reconstruction } = await session.run(feeds);
    return reconstruction?.data as Float32Array;
  }

  async pull(): Promise<void> {
    const session = await this.#layoutSession('unpack');
    const feeds = Object.fromEntries([...this.#state].map(([name, { current }]) => [`${name}:packed`, current]));
    const outputs = await session.run(feeds);
    for (const { name, variable } of this.#variables()) {
      const values = outputs[name]?.data as Float32Array;
      tf.tidy(() => variable.assign(tf.tensor(values.slice(), variable.shape, variable.dtype)));
    }
  }

  async push(): Promise<void> {
    const session = await this.#layoutSession('pack');
    const feeds: Record<string, ort.Tensor> = {};
    for (const { name, variable } of this.#variables()) {
      feeds[name] = new ort.Tensor('float32', (await variable.data()) as Float32Array, variable.shape);
    }
    const outputs = await session.run(feeds);
    for (const { name, shape } of this.#layout.buffers) {
      const packed = outputs[`${name}:packed`]?.data as Float32Array;
      const tensor = (data: Float32Array) => new ort.Tensor('float32', data, shape);
      this.#state.set(name, { current: tensor(packed.slice()), spare: tensor(new Float32Array(packed.length)) });
    }
  }

  async dispose(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
    this.#state.clear();
  }

  #variables() {
    return [...this.#program.weights, ...this.#program.optimizerState];
  }

  #feeds(
    session: ort.InferenceSession,
    { count, images, labels, noise, controls }: HostBatch,
  ): Record<string, ort.Tensor> {
    const { height, width, channels } = this.imageShape;
    const feeds = { ...this.#held(session), ...this.#label(session, count, labels) };
    const pixels = count * height * width * channels;
    feeds.image = new ort.Tensor('uint8', images.subarray(0, pixels), [count, height, width, channels]);
    if (session.inputNames.includes('noise')) {
      const shape = this.#program.autoencoder.noiseShape(count);
      if (!noise || !shape) throw new Error(`model ${this.#program.model.name} needs noise`);
      feeds.noise = new ort.Tensor(
        'float32',
        noise.subarray(
          0,
          shape.reduce((a, b) => a * b, 1),
        ),
        shape,
      );
    }
    for (const name of this.#program.controls) {
      if (!session.inputNames.includes(name)) continue;
      const value = controls?.[name];
      if (value === undefined) throw new Error(`the program needs ${name}`);
      feeds[name] = new ort.Tensor('float32', Float32Array.of(value), []);
    }
    return feeds;
  }

  /** What a session takes of weights and optimizer state. */
  #held(session: ort.InferenceSession): Record<string, ort.Tensor> {
    const held = session.inputNames.map((name) => [name, this.#state.get(name)?.current] as const);
    return Object.fromEntries(held.flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : [])));
  }

  #label(session: ort.InferenceSession, count: number, labels: Int32Array | undefined): Record<string, ort.Tensor> {
    if (!session.inputNames.includes('label')) return {};
    if (!labels) throw new Error(`model ${this.#program.model.name} needs labels`);
    return { label: new ort.Tensor('int32', labels.subarray(0, count), [count]) };
  }

  /** Each batch size has its own trace; there are few: the full one, and the last of each split. */
  #session(part: ProgramPart, n: number): Promise<ort.InferenceSession> {
    return this.#cached(`${part}:${n}`, () => {
      const graph = lowerTape(traceProgram(this.#program, part, n), this.#target, { name: part, layout: this.#layout });
      return serialize(graph);
    });
  }

  #layoutSession(direction: 'pack' | 'unpack'): Promise<ort.InferenceSession> {
    return this.#cached(direction, () => serialize((direction === 'pack' ? packGraph : unpackGraph)(this.#layout)));
  }

  #cached(key: string, bytes: () => Uint8Array): Promise<ort.InferenceSession> {
    const made = this.#sessions.get(key) ?? ort.InferenceSession.create(bytes(), this.#sessionOptions());
    this.#sessions.set(key, made);
    return made;
  }

  #sessionOptions(): ort.InferenceSession.SessionOptions {
    return {
      executionProviders: [this.#provider],
      ...(this.#threads > 0 && { intraOpNumThreads: this.#threads }),
      logSeverityLevel: 3,
      extra: { session: { set_denormal_as_zero: '1' } },
    };
  }
}

function metricsOf(outputs: ort.InferenceSession.OnnxValueMapType): Metrics {
  const scalars = Object.entries(outputs).filter(([name]) => !name.endsWith(NEXT));
  return Object.fromEntries(scalars.map(([name, value]) => [name, Number((value as ort.Tensor).data[0])]));
}
