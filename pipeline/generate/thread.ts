import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-common';
import { RuntimeFailure } from '../encode/thread.ts';

/** What a thread is given when it starts. */
export interface WorkerSetup {
  /** Path of the model. */
  readonly decoder: string;
  readonly session: InferenceSession.SessionOptions;
  /** Height, width, channels. */
  readonly shape: readonly [number, number, number];
  readonly latentSize: number;
}

/** A batch on its way through a thread, in buffers that travel there and back. They may be longer than `count` needs. */
export interface DecodeJob {
  readonly count: number;
  /** `[count, D]` */
  readonly latents: Float32Array<ArrayBuffer>;
  /** `[count]`; present where the decoder is conditional. */
  readonly labels: Int32Array<ArrayBuffer> | undefined;
  /** Filled: `[count, H, W, C]`. */
  readonly images: Float32Array<ArrayBuffer>;
}

/** A thread's first message. */
export interface Started {
  readonly failure?: string;
}

/** A thread's answer to a job; `failure` is what ONNX Runtime said. */
export interface Done {
  readonly job: DecodeJob;
  readonly failure?: string;
}

/** Asks a thread to end. */
const STOP = null;

interface Waiting {
  resolve(job: DecodeJob): void;
  reject(reason: unknown): void;
}

/** A thread with its own session of the decoder. Several of them, each on one core, are faster than one on all cores. */
export class DecoderThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #ended = false;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', ({ job, failure }: Done) => {
      const waiting = this.#waiting.shift();
      if (failure === undefined) waiting?.resolve(job);
      else waiting?.reject(new RuntimeFailure(failure));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => {
      this.#ended = true;
      this.#fail(new Error(`a decoding thread ended with code ${code}`));
    });
  }

  /** @throws RuntimeFailure when the model cannot be loaded */
  static async start(setup: WorkerSetup): Promise<DecoderThread> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: setup, execArgv: [] });
    const [{ failure }] = (await once(worker, 'message')) as [Started];
    if (failure === undefined) return new DecoderThread(worker);
    await once(worker, 'exit');
    throw new RuntimeFailure(failure);
  }

  /** Jobs that it has yet to finish. */
  get load(): number {
    return this.#waiting.length;
  }

  /** Decodes a batch. The job's buffers cannot be used until they come back. @throws RuntimeFailure */
  run(job: DecodeJob): Promise<DecodeJob> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      const { latents, labels, images } = job;
      this.#worker.postMessage(
        job,
        [latents, labels, images].flatMap((array) => (array ? [array.buffer] : [])),
      );
    });
  }

  /** Ends the thread: it finishes the batch that it is at and drops those that wait. */
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
