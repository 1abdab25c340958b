import type { InferenceSession } from 'onnxruntime-common';
import { type Device, defaultThreads } from '../devices/device.ts';

/** ONNX Runtime's execution providers that models are run with. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

/**
 * Threads that have a session each, where that is not for the user to say. Two share a CUDA device: one's batch is copied,
 * and its results are worked on, while the other's is computed.
 */
const WORKERS: { readonly [provider in Provider]?: number } = { cuda: 2, webgpu: 1 };

/** What whoever runs an exported model may choose. */
export interface ModelOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  readonly device: Device;
  /** Threads that compute; the number of cores (at most 16) when not given. */
  readonly threads?: number | undefined;
  /** Images in a batch; when not given, as many as suit their size. */
  readonly batchSize?: number | undefined;
  /** Images that will go through it: a few need no more than a few threads. */
  readonly images: number;
}

/** How models are run: batches and threads. */
export interface ThreadPlan {
  readonly provider: Provider;
  readonly batchSize: number;
  readonly workers: number;
  readonly session: InferenceSession.SessionOptions;
}

/**
 * @param imageSize numbers of an image
 * @param limits numbers of a batch, and its images, at most, when nobody says how many
 */
export function planThreads(
  imageSize: number,
  limits: { readonly [provider in Provider]: { readonly numbers: number; readonly images: number } },
  { device, threads = defaultThreads(), images, batchSize: asked }: ModelOptions,
): ThreadPlan {
  const provider = device === 'auto' ? 'cpu' : device;
  const limit = limits[provider];
  const fitting = Math.max(1, Math.min(limit.images, Math.floor(limit.numbers / imageSize)));
  const batchSize = asked ?? fitting;
  const workers = Math.max(1, Math.min(WORKERS[provider] ?? threads, Math.ceil(images / batchSize)));
  return {
    provider,
    batchSize,
    workers,
    session: {
      executionProviders: [provider],
      intraOpNumThreads: Math.max(1, Math.floor(threads / workers)),
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    },
  };
}
