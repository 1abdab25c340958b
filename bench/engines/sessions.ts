import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { checkDevice } from '../../pipeline/devices/device.ts';
import { webgpuAdapter } from '../../pipeline/devices/webgpu.ts';
import { traceModel } from '../../pipeline/export/trace-model.ts';
import { startCudaPool } from '../../pipeline/inference/cuda-pool.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import type { Request, Timing } from './timing.ts';
import { imagesFor, type Workload } from './workload.ts';

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
  /** Of a batch, for models that read them. */
  readonly labels: Int32Array;
  readonly latentSize: number;
  readonly seconds: number;
}

/** Sessions side by side on CUDA, as `convae encode` has them. */
const ON_CUDA = 2;
/** Batches given to each of them in advance. */
const AHEAD = 2;

/**
 * Times the models that convae exports, weights and all, in ONNX Runtime with the threads and options of `convae
 * encode`. A batch counts when its results are in the host's memory.
 * @throws EnvironmentError when the device is unavailable
 */
export async function timeSessions(
  device: 'cpu' | 'cuda' | 'webgpu',
  workload: Workload,
  { task, threads, seconds }: Request,
): Promise<Timing> {
  await checkDevice(device);
  const where = device === 'webgpu' ? `WebGPU (experimental) on ${await webgpuAdapter()}` : device.toUpperCase();
  await prepareEngine('onnx', 'cpu');
  const { model, size } = workload;
  const { dims, pixels, labels } = await imagesFor(workload);
  const { encoder, decoder } = traceModel(model, model.build(size), size);
  const count = { cpu: threads, cuda: ON_CUDA, webgpu: 1 }[device];
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
    labels: labels.slice(0, dims[0]),
    latentSize: size.latent,
    seconds,
  };
  if (device === 'cuda') return timeCuda(setup, where);
  const file = new URL('./session-worker.js', import.meta.url);
  const workers = Array.from({ length: count }, () => new Worker(file, { workerData: setup }));
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message'))); // warm
    const [began, before] = [performance.now(), process.cpuUsage()];
    const done = Promise.all(workers.map((worker) => once(worker, 'message')));
    for (const worker of workers) worker.postMessage('go');
    const batches = (await done).reduce((sum, [count]) => sum + (count as number), 0);
    const wall = performance.now() - began;
    const { user, system } = process.cpuUsage(before);
    const description = `onnxruntime-node ${ort.env.versions.node}, ${where}`;
    return { ms: wall / batches, cores: (user + system) / 1e3 / wall, description };
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

async function timeCuda(
  { encoder, decoder, options: session, pixels, dims, labels, latentSize, seconds }: SessionSetup,
  where: string,
): Promise<Timing> {
  const sources = { encoder: { source: encoder }, ...(decoder && { decoder: { source: decoder } }) };
  const pool = await startCudaPool(sources, { provider: 'cuda', workers: ON_CUDA, session });
  const size = dims.reduce((product, side) => product * side);
  const code = () => ({ dims: [dims[0], latentSize], data: new Float32Array(dims[0] * latentSize) });
  let batches = 0;
  const runUntil = async (end: number) => {
    const [latent, logvar] = [code(), code()];
    const reconstruction = { dims, data: new Float32Array(size) };
    do {
      const start = (batches++ % Math.floor(pixels.length / size)) * size;
      const image = { dims, data: pixels.slice(start, start + size) };
      const tensors = { latent, logvar, label: { dims: [dims[0]], data: labels as Int32Array<ArrayBuffer> } };
      await pool.run({ graphs: ['encoder'], tensors: { ...tensors, image } });
      if (decoder) await pool.run({ graphs: ['decoder'], tensors: { ...tensors, image: reconstruction } });
    } while (performance.now() < end);
  };
  const all = (end: number) => Promise.all(Array.from({ length: AHEAD * ON_CUDA }, () => runUntil(end)));
  try {
    await all(0); // warm
    const [began, before] = [performance.now(), process.cpuUsage()];
    batches = 0;
    await all(began + 1000 * seconds);
    const wall = performance.now() - began;
    const { user, system } = process.cpuUsage(before);
    return { ms: wall / batches, cores: (user + system) / 1e3 / wall, description: `ONNX Runtime, ${where}` };
  } finally {
    await pool.stop();
  }
}
