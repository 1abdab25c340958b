import { EnvironmentError } from '../io/errors.ts';
import { cudaFailure } from './cuda.ts';

const OUT_OF_MEMORY = /failed to allocate|bad.?alloc|buffer allocation|out of memory/i;
const CUDA_FAILED = /\b(cuda|cudnn|cublas|cufft) failure \d/i;

/**
 * The error for a failure of the machine rather than of a graph: memory that is short, or CUDA.
 * @param message ONNX Runtime's
 * @param what needs the memory, for the message
 * @returns undefined for other failures
 */
export function deviceFailure(message: string, what: string): EnvironmentError | undefined {
  if (OUT_OF_MEMORY.test(message)) {
    const reason = message.replace(/\s+/g, ' ').trim();
    const remedy = 'choose a smaller batch size, smaller images or another device';
    return new EnvironmentError(`not enough memory for ${what}: ${reason}; ${remedy}`);
  }
  return CUDA_FAILED.test(message) ? cudaFailure(message) : undefined;
}
