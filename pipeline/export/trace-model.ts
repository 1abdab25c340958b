import * as tf from '@tensorflow/tfjs-core';
import { type Graph, graphOfFunction, serialize } from 'tfjs-to-onnx';
import type { Autoencoder, ModelDefinition, ModelSize } from '../../models/kit/model.ts';

/** The bytes of `encoder.onnx` and `decoder.onnx`. */
export interface OnnxModels {
  readonly encoder: Uint8Array;
  readonly decoder: Uint8Array;
}

/** Converted models, with the graphs that know where their weights are. */
export interface TracedModels extends OnnxModels {
  readonly graphs: { readonly [Part in keyof OnnxModels]: Graph };
}

/**
 * Converts a model. The encoder takes `image` (uint8 `[N, H, W, C]`, scaled inside) and gives `latent` (float32
 * `[N, D]`), and `logvar` where it is a VAE; the decoder takes `latent` and gives `image` (float32 `[N, H, W, C]` in
 * [0, 1]); either takes `label` (int32 `[N]`) where the model is conditional there.
 * @throws Error when a layer cannot be converted
 */
export function traceModel(model: ModelDefinition, autoencoder: Autoencoder, size: ModelSize): TracedModels {
  const { height, width, channels, latent } = size;
  const label = { shape: ['N'], dtype: 'int32' } as const;
  const encoder = graphOfFunction(
    ({ image, label }: { image: tf.Tensor; label?: tf.Tensor }) => {
      const pixels = tf.div(tf.cast(image, 'float32'), 255) as tf.Tensor4D;
      return { ...autoencoder.encode({ image: pixels, label: label as tf.Tensor1D | undefined }) };
    },
    {
      name: 'encoder',
      inputs: {
        image: { shape: ['N', height, width, channels], dtype: 'int32', storage: 'uint8' },
        ...(model.conditional.encoder && { label }),
      },
      models: { encoder: autoencoder.encoder },
      keepWeights: true,
    },
  );
  const decoder = graphOfFunction(
    (inputs: { latent: tf.Tensor; label?: tf.Tensor }) => ({
      image: autoencoder.decode(inputs.latent as tf.Tensor2D, inputs.label as tf.Tensor1D | undefined),
    }),
    {
      name: 'decoder',
      inputs: { latent: { shape: ['N', latent], dtype: 'float32' }, ...(model.conditional.decoder && { label }) },
      models: { decoder: autoencoder.decoder },
      keepWeights: true,
    },
  );
  return { encoder: serialize(encoder), decoder: serialize(decoder), graphs: { encoder, decoder } };
}
