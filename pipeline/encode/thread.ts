import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-common';
import type { Card } from '../export/card.ts';

/** What a thread is given when it starts. */
export interface WorkerSetup {
  /** Paths of the two models; the decoder's only where errors are wanted. */
  readonly encoder: string;
  readonly decoder: string | undefined;
  readonly session: InferenceSession.SessionOptions;
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number];
  readonly latentSize: number;
  readonly conditional: Card['conditional'];
  readonly error: Card['model']['error'];
}

/** A batch on its way through a thread, in buffers that travel there and back. They may be longer than `count` needs. */
export interface Job {
  readonly count: number;
  /** Whether `latents` are given, to be decoded, rather than to be filled. */
  readonly given: boolean;
  /** Pixels 0–255, `[count, H, W, C]`. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** `[count]`; present where the model is conditional. */
  readonly labels: Int32Array<ArrayBuffer> | undefined;
  /** Filled, or given: `[count, D]`. */
  readonly latents: Float32Array<ArrayBuffer>;
  /** Filled where present: log variances of the codes of a variational model, `[count, D]`. */
  readonly logvars: Float32Array<ArrayBuffer> | undefined;
  /** Filled where present: the reconstruction error of each image, `[count]`. */
  readonly errors: Float32Array<ArrayBuffer> | undefined;
}

/** A thread's first message: the encoder's outputs, or what ONNX Runtime said. */
export interface Started {
  readonly outputs?: readonly string[];
  readonly failure?: string;
}

/** A thread's answer to a job; `failure` is what ONNX Runtime said. */
export interface Done {
  readonly job: Job;
  readonly failure?: string;
}

/** Asks a thread to end. */
const STOP = null;

/** ONNX Runtime failed; the message is its own. */
export class RuntimeFailure extends Error {}

interface Waiting {
  resolve(job: Job): void;
  reject(reason: unknown): void;
}

/** A thread with its own sessions of the models. Several of them, each on one core, are faster than one on all cores. */
export class EncoderThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  /** Names of the encoder's outputs. */
  readonly outputs: readonly string[];
  #ended = false;

  private constructor(worker: Worker, outputs: readonly string[]) {
    this.#worker = worker;
    this.outputs = outputs;
    worker.on('message', ({ job, failure }: Done) => {
      const waiting = this.#waiting.shift();
      if (failure === undefined) waiting?.resolve(job);
      else waiting?.reject(new RuntimeFailure(failure));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => {
      this.#ended = true;
      this.#fail(new Error(`an encoding thread ended with code ${code}`));
    });
  }

  /** @throws RuntimeFailure when a model cannot be loaded */
  static async start(setup: WorkerSetup): Promise<EncoderThread> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: setup, execArgv: [] });
    const [{ outputs = [], failure }] = (await once(worker, 'message')) as [Started];
    if (failure === undefined) return new EncoderThread(worker, outputs);
    await once(worker, 'exit');
    throw new RuntimeFailure(failure);
  }

  /** Jobs that it has yet to finish. */
  get load(): number {
    return this.#waiting.length;
  }

  /**
   * Encodes a batch, or decodes given codes. The job's buffers cannot be used until they come back.
   * @throws RuntimeFailure
   */
  run(job: Job): Promise<Job> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      const { images, labels, latents, logvars, errors } = job;
      this.#worker.postMessage(
        job,
        [images, labels, latents, logvars, errors].flatMap((array) => (array ? [array.buffer] : [])),
      );
    });
  }

  /**
   * Ends the thread: it finishes the batch that it is at and drops those that wait. (A thread that is terminated while
   * ONNX Runtime computes takes the whole process with it.)
   */
  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage(STOP);
    await ended;
  }

  #fail(reason: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
