import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** A recurrent layer of tfjs-layers that keeps its states from one call to the next. */
interface StatefulLayer {
  readonly name: string;
  readonly stateful: true;
  states: (Tensor | null)[];
  /** What it takes: its first size is the batch size that the states are for. */
  readonly inputSpec: readonly { readonly shape: (number | null)[] }[];
}

/** Layers that may contain others: models, `bidirectional`, `timeDistributed`. */
interface Parts {
  readonly stateful?: boolean;
  readonly cell?: object;
  readonly layers?: readonly object[];
  readonly forwardLayer?: object;
  readonly backwardLayer?: object;
  readonly layer?: object;
}

/** The layers that keep states, those inside other layers included. */
export const statefulLayers = (layers: readonly object[]): StatefulLayer[] => [...new Set(layers.flatMap(within))];

function within(layer: object): StatefulLayer[] {
  const { stateful, cell, layers = [], forwardLayer, backwardLayer, layer: wrapped } = layer as Parts;
  const own = stateful && cell ? [layer as StatefulLayer] : [];
  // A bidirectional layer runs two copies of the layer that it wraps.
  const parts = forwardLayer ? [forwardLayer, backwardLayer] : [...layers, wrapped];
  const inner = parts.filter((part): part is object => part !== undefined);
  return [...own, ...inner.flatMap(within)];
}

/** A state of a layer as an input and output of a graph. */
interface State {
  readonly name: string;
  /** Its sizes after the batch. */
  readonly shape: readonly number[];
}

/** The states of a model's layers as inputs and outputs. */
export class ModelStates {
  readonly #layers: StatefulLayer[];
  readonly states: readonly State[];

  constructor(layers: readonly object[]) {
    this.#layers = statefulLayers(layers);
    this.states = this.#layers.flatMap(({ name, states }) =>
      states.map((state, i) => ({ name: `${name}_state_${i}`, shape: state?.shape.slice(1) ?? [] })),
    );
  }

  /**
   * Calls a model with given states instead of those that its layers hold, which stay as they are.
   * @param given the states in the order of `states`
   * @returns what the model gives, and the states after it
   */
  run<T>(given: readonly Tensor[], call: () => T): { result: T; next: Tensor[] } {
    const held = this.#layers.map(({ states, inputSpec: [spec] }) => ({ states, batch: spec?.shape[0] ?? null }));
    const left = [...given];
    for (const layer of this.#layers) {
      const own = left.splice(0, layer.states.length);
      setBatch(layer, own[0]?.shape[0] ?? null);
      // The layer disposes of the states that it replaces.
      layer.states = own.map((state) => tf.clone(state));
    }
    try {
      const result = call();
      return { result, next: this.#layers.flatMap(({ states }) => states.map((state) => tf.clone(state as Tensor))) };
    } finally {
      this.#layers.forEach((layer, i) => {
        tf.dispose(layer.states as Tensor[]);
        layer.states = held[i]?.states ?? [];
        setBatch(layer, held[i]?.batch ?? null);
      });
    }
  }
}

function setBatch({ inputSpec: [spec] }: StatefulLayer, size: number | null): void {
  if (spec) spec.shape[0] = size;
}
