import koffi from 'koffi';
import { registerBoundSessions } from './bound-sessions.ts';
import type { BoundDevice } from './ort-values.ts';

/** CUDA's numbers for the directions of a copy. */
const [TO_DEVICE, TO_HOST] = [1, 2];

/** Options of ONNX Runtime's CUDA provider. */
const OPTIONS = {
  use_tf32: '0', // the losses of float32, as on every other device
  cudnn_conv_algo_search: 'EXHAUSTIVE',
  enable_cuda_graph: '1',
};

let registered = false;

/**
 * Makes CUDA sessions that keep tensors on the device available to onnxruntime-common.
 * @returns their name, for `executionProviders`
 */
export function cudaSessions(): string {
  const name = 'cuda-bound';
  if (!registered) registerBoundSessions(name, cudaDevice());
  registered = true;
  return name;
}

function cudaDevice(): BoundDevice {
  let copy: ReturnType<typeof copier> | undefined;
  const loaded = () => {
    copy ??= copier(); // the provider has loaded CUDA's runtime by the time there is something to copy
    return copy;
  };
  return {
    memory: 'Cuda',
    cuda: OPTIONS,
    download: (to, from) => loaded()(to, from, to.byteLength, TO_HOST),
    upload: (to, from) => loaded()(to, from, from.byteLength, TO_DEVICE),
  };
}

/** Copies between host and device, and waits for it. @throws Error with CUDA's number */
function copier() {
  const runtime = koffi.load('libcudart.so.13');
  const copy = runtime.func('cudaMemcpy', 'int', ['void *', 'void *', 'size_t', 'int']);
  const wait = runtime.func('cudaDeviceSynchronize', 'int', []);
  return (to: unknown, from: unknown, bytes: number, kind: number): void => {
    const error = (copy(to, from, bytes, kind) as number) || (wait() as number);
    if (error !== 0) throw new Error(`CUDA could not copy ${bytes} bytes: error ${error}`);
  };
}
