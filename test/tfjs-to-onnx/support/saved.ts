import './tfjs.ts';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';

/** 271 weights in two layers: 1,084 bytes. */
export const model = sequential({
  name: 'little',
  layers: [
    layers.conv2d({ name: 'conv', filters: 4, kernelSize: 3, activation: 'relu', inputShape: [6, 6, 2] }),
    layers.flatten({ name: 'flat' }),
    layers.dense({ name: 'latent', units: 3, kernelInitializer: 'glorotUniform' }),
  ],
});

/** A model on disk: `model.json` and its file of weights, `weights.bin`. */
export interface Saved {
  json: { modelTopology?: unknown; weightsManifest?: unknown; format?: string };
  weights: Uint8Array;
}

export async function saved(what: LayersModel = model): Promise<Saved> {
  let result: Saved | undefined;
  await what.save({
    async save({ weightSpecs, weightData, modelTopology }) {
      const weights = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
      result = {
        json: { modelTopology, weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }] },
        weights,
      };
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  return result as Saved;
}
