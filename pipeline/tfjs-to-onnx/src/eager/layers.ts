import * as tf from '@tensorflow/tfjs-core';

/** The layers that are being called, outermost first. */
const running: string[] = [];
let watching = false;

/** The layer that is being called, `model/conv1`, or ''. */
export const currentLayer = (): string => running.join('/');

interface LayerPrototype {
  apply(this: { readonly name: string }, ...args: unknown[]): unknown;
}

/** Follows the calls of layers, once tfjs-layers is there: it registers its classes with tfjs-core. */
export function watchLayers(): void {
  if (watching) return;
  const [dense] = tf.serialization.SerializationMap.getMap().classNameMap.Dense ?? [];
  if (!dense) return;
  watching = true;
  const layer = Object.getPrototypeOf(dense.prototype) as LayerPrototype;
  const { apply } = layer;
  layer.apply = function (...args) {
    running.push(this.name);
    try {
      return apply.apply(this, args);
    } finally {
      running.pop();
    }
  };
}
