import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { cae } from '../../models/cae.ts';
import { cudaFailure } from '../../pipeline/devices/cuda.ts';
import { checkDevice } from '../../pipeline/devices/device.ts';
import { webgpuAdapter } from '../../pipeline/devices/webgpu.ts';
import { traceModel } from '../../pipeline/export/trace-model.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { caeOnMnist } from './cae.ts';
import { startClock, type Task, type Timing, WARM_UP } from './timing.ts';

/** What session-worker.js is given. */
export interface SessionSetup {
  readonly encoder: Uint8Array;
  /** Absent if only latents are needed. */
  readonly decoder: Uint8Array | undefined;
  readonly options: ort.InferenceSession.SessionOptions;
  /** The images that are taken in batches, over and over. */
  readonly pixels: Uint8Array;
  /** The shape of a batch. */
  readonly dims: readonly [number, number, number, number];
  readonly latentSize: number;
  readonly warmUp: number;
  /** Shared by the threads: the batch whose turn it is, up to `end`. */
  readonly next: Int32Array<SharedArrayBuffer>;
  readonly end: number;
}

/** Sessions side by side, as `convae encode` has them; on the CPU there is one for each thread. */
const SESSIONS = { cuda: 2, webgpu: 1 };

/**
 * Times the models that convae exports, weights and all, in ONNX Runtime with the threads and options of `convae
 * encode`. A batch counts when its results are in the host's memory.
 * @throws EnvironmentError when the device is unavailable
 */
export async function timeSessions(
  device: 'cpu' | 'cuda' | 'webgpu',
  task: Task,
  { threads, steps }: { threads: number; steps: number },
): Promise<Timing> {
  await checkDevice(device);
  const where = device === 'webgpu' ? `WebGPU (experimental) on ${await webgpuAdapter()}` : device.toUpperCase();
  await prepareEngine('onnx', 'cpu');
  const { size, dims, pixels } = await caeOnMnist();
  const { encoder, decoder } = traceModel(cae, cae.build(size), size);
  const count = device === 'cpu' ? threads : SESSIONS[device];
  const setup: SessionSetup = {
    encoder,
    decoder: task === 'forward' ? decoder : undefined,
    options: {
      executionProviders: [device],
      intraOpNumThreads: Math.max(1, Math.floor(threads / count)),
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    },
    pixels,
    dims,
    latentSize: size.latent,
    warmUp: WARM_UP,
    next: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
    end: steps,
  };
  const file = new URL('./session-worker.js', import.meta.url);
  const workers = Array.from({ length: count }, () => new Worker(file, { workerData: setup }));
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message'))); // warm
    const read = startClock();
    const done = Promise.all(workers.map((worker) => once(worker, 'message')));
    for (const worker of workers) worker.postMessage('go');
    await done;
    return { ...read(steps), description: `onnxruntime-node ${ort.env.versions.node}, ${where}` };
  } catch (error) {
    throw device === 'cuda' && error instanceof Error ? cudaFailure(error.message) : error;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
