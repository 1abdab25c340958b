import type { Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Watches over the variables that a trace has to leave alone. */
export interface Untouched {
  /** @throws Error naming a variable that was assigned or made since */
  check(): void;
  /** Puts back what was assigned and takes away what was made. */
  restore(): void;
}

const registered = (): Variable[] => Object.values(tf.engine().registeredVariables);

/** Watches all variables but the declared ones, which a trace may assign. */
export function watchVariables(declared: readonly Variable[]): Untouched {
  const before = new Set(registered());
  // A clone keeps the data alive when an assignment lets go of it.
  const held = [...before]
    .filter((variable) => !declared.includes(variable))
    .map((variable) => ({ variable, home: variable.dataId, clone: tf.keep(tf.clone(variable)) }));
  const made = () => registered().filter((variable) => !before.has(variable));
  return {
    check() {
      const assigned = held.find(({ variable, home }) => variable.dataId !== home);
      if (assigned) {
        const { name } = assigned.variable;
        throw new Error(`variable ${name} is assigned and not declared: its new value would be lost; declare it`);
      }
      const [first] = made();
      if (first) {
        const hint = 'an optimizer makes its own when it first applies gradients';
        throw new Error(`variable ${first.name} was made during the trace; make it before, and declare it (${hint})`);
      }
    },
    restore() {
      for (const variable of made()) variable.dispose();
      for (const { variable, home, clone } of held) {
        if (variable.dataId === home) {
          clone.dispose();
          continue;
        }
        tf.engine().disposeTensor(variable);
        variable.dataId = clone.dataId; // the clone's hold on the data becomes the variable's
      }
    },
  };
}
