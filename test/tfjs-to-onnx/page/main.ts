import '@tensorflow/tfjs-backend-cpu';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import * as ort from 'onnxruntime-web/wasm';
import { convertGraphModel, convertLayersModel } from '../../../pipeline/tfjs-to-onnx/src/index.ts';

/** What one model gives for one batch. */
export interface Outcome {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly tfjs: readonly number[];
  readonly onnx: readonly number[];
}

declare global {
  interface Window {
    /** Converts the model of a folder and runs it on `image`, of that shape, in tfjs and in ONNX Runtime. */
    convertAndRun(kind: 'layers' | 'graph', image: readonly number[], shape: readonly number[]): Promise<Outcome>;
  }
}

window.convertAndRun = async (kind, image, shape) => {
  const x = tf.tensor([...image], [...shape]);
  const model = await (kind === 'layers' ? loadLayersModel : loadGraphModel)(`${kind}/model.json`);
  const bytes = await ('modelSignature' in model ? convertGraphModel(model) : convertLayersModel(model));
  ort.env.wasm.wasmPaths = new URL('ort/', location.href).href;
  const session = await ort.InferenceSession.create(bytes);
  const [input = '', output = ''] = [...session.inputNames, ...session.outputNames];
  const results = await session.run({ [input]: new ort.Tensor('float32', image, shape) });
  return {
    inputs: session.inputNames,
    outputs: session.outputNames,
    tfjs: [...(model.predict(x) as tf.Tensor).dataSync()],
    onnx: [...((results[output] as ort.Tensor).data as Float32Array)],
  };
};
