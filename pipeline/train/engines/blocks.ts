import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { cpu, lowerTape, portable, serialize, type Target, trace } from 'tfjs-to-onnx';

/**
 * The fastest target that this machine's ONNX Runtime computes correctly: its blocked kernels in the block size of the
 * machine's vector registers, or standard operators. Found by running one small convolution each way.
 */
export async function fastestTarget(): Promise<Target> {
  const shapes = { x: [1, 6, 6, 16], w: [3, 3, 16, 16] };
  const tape = trace(({ x, w }) => ({ y: tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same') }), {
    inputs: { x: { shape: shapes.x, dtype: 'float32' }, w: { shape: shapes.w, dtype: 'float32' } },
  });
  const feeds = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
      return [name, new ort.Tensor('float32', values, shape)];
    }),
  );
  const run = async (target: Target): Promise<Float32Array> => {
    const session = await ort.InferenceSession.create(serialize(lowerTape(tape, target)), { logSeverityLevel: 4 });
    try {
      const { y } = await session.run(feeds);
      return y?.data as Float32Array;
    } finally {
      await session.release();
    }
  };
  const expected = await run(portable);
  for (const block of [16, 8]) {
    try {
      const got = await run(cpu(block));
      if (got.every((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-4)) return cpu(block);
    } catch {
      // This build of ONNX Runtime has no blocked kernels.
    }
  }
  return portable;
}
