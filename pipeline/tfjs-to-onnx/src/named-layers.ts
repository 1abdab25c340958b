import type { Tensor } from '@tensorflow/tfjs-core';
import type { Recording } from './recording.ts';
import { statefulLayers } from './stateful.ts';

/** A model whose layers name nodes and weights: the part of a tfjs-layers model that tracing needs. */
export interface LayeredModel {
  readonly layers: readonly object[];
}

/** @throws Error where a layer would read states that it holds, as if they were constants */
function refuseHeldStates(layer: Layer, name: string, recording: Recording): void {
  const held = statefulLayers([layer]).some(({ states }) => states.some((state) => !state || !recording.has(state)));
  if (!held) return;
  const reason = 'it is stateful: it keeps its states from one call to the next, which a graph cannot';
  const remedy = 'make it with stateful: false and give its initial states, or use convertLayersModel';
  throw new Error(`layer ${name}: ${reason}; ${remedy}, which makes its states inputs and outputs`);
}

/** Layers that read values only to check them. */
const CHECKING: ReadonlySet<string> = new Set(['CategoryEncoding']);

interface Layer {
  readonly name: string;
  getClassName?(): string;
  readonly weights: readonly { readonly originalName: string; read(): Tensor }[];
  call: (...args: unknown[]) => unknown;
}

/** Every layer with its prefix, those of nested models included. */
export const layersOf = (models: Readonly<Record<string, LayeredModel>>): [string, Layer][] =>
  Object.entries(models).flatMap(([prefix, { layers }]) =>
    (layers as (Layer & Partial<LayeredModel>)[]).flatMap((layer): [string, Layer][] => {
      const { name, layers } = layer;
      return layers ? layersOf({ [`${prefix}/${name}`]: { layers } }) : [[prefix, layer]];
    }),
  );

/** Names the nodes of each layer's calls `prefix/layer`. Returns a function that undoes it. */
export function nameLayers(models: Readonly<Record<string, LayeredModel>>, recording: Recording): () => void {
  const restored = layersOf(models).map(([prefix, layer]) => {
    const { call } = layer;
    const own = Object.hasOwn(layer, 'call');
    layer.call = function (this: unknown, ...args: unknown[]) {
      const { scope, label, passesChecks } = recording;
      const own = `${prefix}/${layer.name}`;
      refuseHeldStates(layer, own, recording);
      const checks = CHECKING.has(layer.getClassName?.() ?? '');
      Object.assign(recording, { scope: own, label: `layer ${own}`, passesChecks: checks });
      try {
        return call.apply(this, args);
      } finally {
        Object.assign(recording, { scope, label, passesChecks });
      }
    };
    return () => {
      if (own) layer.call = call;
      // The prototype's method shows through again.
      else Reflect.deleteProperty(layer, 'call');
    };
  });
  // A layer that occurs twice is wrapped twice.
  return () => restored.toReversed().forEach((restore) => void restore());
}
