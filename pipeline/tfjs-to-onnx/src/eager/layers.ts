import * as tf from '@tensorflow/tfjs-core';
import { programLine } from './log.ts';

/** The layers that are being called, outermost first. */
const running: string[] = [];
let watching = false;

/** The layer that is being called, `model/conv1`, or ''. */
export const currentLayer = (): string => running.join('/');

/** The lines of the program that called models' methods which have not ended, innermost last. */
const waiting: string[] = [];

/** The line of the program that is running, or that waits for a model's method. */
export const currentLine = (): string => programLine() ?? waiting.at(-1) ?? 'unknown';

interface LayerPrototype {
  apply(this: { readonly name: string }, ...args: unknown[]): unknown;
}

type AsyncMethod = (...args: unknown[]) => Promise<unknown>;

/** Follows the calls of layers and models, once tfjs-layers is there: it registers its classes with tfjs-core. */
export function watchLayers(): void {
  if (watching) return;
  const { Dense: [dense] = [], Model: [model] = [] } = tf.serialization.SerializationMap.getMap().classNameMap;
  if (!dense) return;
  watching = true;
  if (model) watchModels(model.prototype as Record<string, AsyncMethod>);
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

/** After the first `await` in a method of a model, its caller is no longer on the stack. */
function watchModels(prototype: Record<string, AsyncMethod>): void {
  for (const name of ['fit', 'fitDataset', 'evaluateDataset', 'trainOnBatch']) {
    const method = prototype[name];
    if (!method) continue;
    prototype[name] = async function (this: unknown, ...args) {
      const line = programLine();
      if (line === undefined) return method.apply(this, args);
      waiting.push(line);
      try {
        return await method.apply(this, args);
      } finally {
        waiting.splice(waiting.lastIndexOf(line), 1);
      }
    };
  }
}
