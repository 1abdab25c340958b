import './tfjs.ts';
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import type * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { Saved } from './saved.ts';

/** A node of a TensorFlow graph, as model.json has it. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, object>>;
}

/** Attributes of nodes. */
export const attr = {
  type: (type: 'DT_FLOAT' | 'DT_INT32' | 'DT_BOOL' | 'DT_STRING') => ({ type }),
  shape: (...sizes: number[]) => ({ shape: { dim: sizes.map((size) => ({ size: String(size) })) } }),
  int: (i: number) => ({ i: String(i) }),
  ints: (...i: number[]) => ({ list: { i: i.map(String) } }),
  bool: (b: boolean) => ({ b }),
  text: (s: string) => ({ s: Buffer.from(s).toString('base64') }),
  func: (name: string) => ({ func: { name, attr: {} } }),
};

/** A weight: its values, and how they are stored where they are quantized. */
export interface WeightDef {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly dtype?: 'float32' | 'int32' | 'bool';
  readonly stored?: { readonly quantization: object; readonly bytes: ArrayLike<number>; readonly width: 1 | 2 };
}

export interface GraphDef {
  readonly nodes: readonly NodeDef[];
  readonly weights?: Readonly<Record<string, WeightDef>>;
  /** Nodes by the keys of the signature. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly functions?: readonly object[];
}

export const node = (
  name: string,
  op: string,
  input: readonly string[] = [],
  attrs: NodeDef['attr'] = {},
): NodeDef => ({
  name,
  op,
  input,
  attr: attrs,
});

export const placeholder = (name: string, sizes: readonly number[], type: 'DT_FLOAT' | 'DT_INT32' = 'DT_FLOAT') =>
  node(name, 'Placeholder', [], { dtype: attr.type(type), shape: attr.shape(...sizes) });

export const ints = (...values: number[]): WeightDef => ({ shape: [values.length], values, dtype: 'int32' });
export const int = (value: number): WeightDef => ({ shape: [], values: [value], dtype: 'int32' });
export const float = (value: number): WeightDef => ({ shape: [], values: [value] });

const TYPES = { float32: 'DT_FLOAT', int32: 'DT_INT32', bool: 'DT_BOOL' } as const;

/** What tensorflowjs_converter would write. */
export function graphFiles({ nodes, weights = {}, inputs, outputs, functions }: GraphDef): Saved {
  const constants = Object.entries(weights).map(([name, { shape, dtype = 'float32' }]) =>
    node(name, 'Const', [], { dtype: attr.type(TYPES[dtype]), shape: attr.shape(...shape) }),
  );
  const entries = (side: Readonly<Record<string, string>> | undefined) =>
    side &&
    Object.fromEntries(
      Object.entries(side).map(([key, name]) => [key, { name: name.includes(':') ? name : `${name}:0` }]),
    );
  const manifest = Object.entries(weights).map(([name, { shape, dtype = 'float32', stored }]) => {
    return { name, shape, dtype, ...(stored && { quantization: stored.quantization }) };
  });
  const json = {
    format: 'graph-model',
    generatedBy: 'test',
    modelTopology: {
      node: [...constants, ...nodes],
      ...(functions && { library: { function: functions } }),
      versions: { producer: 1 },
    },
    weightsManifest: [{ paths: ['weights.bin'], weights: manifest }],
    ...((inputs || outputs) && { signature: { inputs: entries(inputs), outputs: entries(outputs) } }),
  };
  return { json, weights: Buffer.concat(Object.values(weights).map(bytesOf)) };
}

function bytesOf({ values, dtype = 'float32', stored }: WeightDef): Buffer {
  if (stored) {
    const data = stored.width === 1 ? Uint8Array.from(stored.bytes) : Uint16Array.from(stored.bytes);
    return Buffer.from(data.buffer);
  }
  if (dtype === 'bool') return Buffer.from(values);
  return Buffer.from((dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values)).buffer);
}

/** The same as a model in memory. */
export async function graphModel(def: GraphDef): Promise<GraphModel> {
  const { json, weights } = graphFiles(def);
  const { modelTopology, weightsManifest, ...rest } = json as {
    modelTopology: object;
    weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[];
  };
  const weightData = Uint8Array.from(weights).buffer;
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  return loadGraphModel({ load: async () => ({ ...rest, modelTopology, weightSpecs, weightData }) });
}

/** What tfjs computes, by the names of the signature. */
export async function executed(model: GraphModel, inputs: Readonly<Record<string, Tensor>>, outputs: string[]) {
  const result = [await model.executeAsync({ ...inputs }, outputs)].flat();
  return Object.fromEntries(outputs.map((name, i) => [name, result[i] as Tensor]));
}
