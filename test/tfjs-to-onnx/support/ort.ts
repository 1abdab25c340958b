import type { DataType, Tensor, TypedArray } from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { type Graph, serialize } from '../../../pipeline/tfjs-to-onnx/src/index.ts';

/** A tensor of a graph, in host memory. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly values: TypedArray;
}

/** Runs a graph or the bytes of an ONNX file once. */
export async function runOnce(
  graph: Graph | Uint8Array,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<Record<string, HostTensor>> {
  const session = await openSession(graph);
  try {
    return hostTensors(await session.run(feeds));
  } finally {
    await session.release();
  }
}

export const openSession = (graph: Graph | Uint8Array): Promise<ort.InferenceSession> =>
  ort.InferenceSession.create(graph instanceof Uint8Array ? graph : serialize(graph), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });

export const hostTensors = (outputs: ort.InferenceSession.OnnxValueMapType): Record<string, HostTensor> =>
  Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => {
      const { dims, type, data } = value as ort.Tensor;
      return [name, { shape: dims, dtype: type as DataType, values: data as TypedArray }];
    }),
  );

/** A tfjs tensor as ONNX Runtime takes it. */
export function feed(tensor: Tensor): ort.Tensor {
  const values = tensor.dataSync();
  if (tensor.dtype === 'bool') return new ort.Tensor('bool', Uint8Array.from(values), tensor.shape);
  return tensor.dtype === 'int32'
    ? new ort.Tensor('int32', Int32Array.from(values), tensor.shape)
    : new ort.Tensor('float32', Float32Array.from(values), tensor.shape);
}
