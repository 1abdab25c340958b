import * as tf from '@tensorflow/tfjs-core';

/** What happens in the program that the backend wants to know. */
export interface Watcher {
  /** Whether anything waits to be computed. */
  readonly isPending: boolean;
  /** A step has ended: an outermost tidy, or an update by an optimizer. */
  stepEnded(isOutside: boolean): void;
  /** A variable was made. */
  variableMade(variable: tf.Variable): void;
}

interface Engine {
  readonly state: {
    readonly scopeStack: readonly { readonly name: string }[];
    readonly gradientDepth: number;
    readonly kernelDepth: number;
  };
  endScope(result?: tf.TensorContainer): void;
  makeVariable(initial: tf.Tensor, trainable?: boolean, name?: string, dtype?: tf.DataType): tf.Variable;
}

/** Scopes that tfjs opens by itself: those of ops, and of the two halves of a gradient. */
const isTidy = (name: string): boolean => !name.endsWith('__op') && name !== 'forward' && name !== 'backward';

/** Whether the scope that ends is that of a node: a GraphModel that is executed asynchronously opens one for each. */
function isOfNode(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error;
  Error.stackTraceLimit = 16;
  Error.prepareStackTrace = (_, sites) => sites; // a text, by source maps, would take a millisecond
  const sites = new Error().stack as unknown as NodeJS.CallSite[];
  Object.assign(Error, { stackTraceLimit, prepareStackTrace });
  return sites.some((site) => site.getFunctionName()?.endsWith('processStack'));
}

/**
 * Tells a watcher of tfjs's scopes, optimizers and variables, for which tfjs has no events.
 * @param watcher the active backend, if it wants to know
 */
export function watch(watcher: () => Watcher | undefined): void {
  const engine = tf.engine() as unknown as Engine;
  let updating = 0;

  const endScope = engine.endScope.bind(engine);
  engine.endScope = (result) => {
    const { scopeStack, gradientDepth, kernelDepth } = engine.state;
    const ending = scopeStack.at(-1)?.name ?? '';
    endScope(result);
    const isInner = scopeStack.length > 0 || gradientDepth > 0 || kernelDepth > 0 || updating > 0;
    const current = isInner || !isTidy(ending) ? undefined : watcher();
    if (current?.isPending && !isOfNode()) current.stepEnded(true);
  };

  const makeVariable = engine.makeVariable.bind(engine);
  engine.makeVariable = (...args) => {
    const variable = makeVariable(...args);
    watcher()?.variableMade(variable);
    return variable;
  };

  const asUpdate = <Args extends unknown[], Result>(method: (...args: Args) => Result, isWhole: boolean) =>
    function (this: unknown, ...args: Args): Result {
      updating++;
      try {
        return method.apply(this, args);
      } finally {
        updating--;
        // The program may still dispose of the gradients that it applied.
        if (updating === 0) watcher()?.stepEnded(isWhole && engine.state.scopeStack.length === 0);
      }
    };
  const base = tf.Optimizer.prototype;
  base.minimize = asUpdate(base.minimize, true);
  for (const optimizer of optimizers()) {
    if (Object.hasOwn(optimizer, 'applyGradients')) {
      optimizer.applyGradients = asUpdate(optimizer.applyGradients, false);
    }
  }
}

/** The prototypes of tfjs's optimizers. */
function optimizers(): tf.Optimizer[] {
  const classes = Object.values(tf).filter((value) => typeof value === 'function' && 'prototype' in value);
  return classes.map(({ prototype }: { prototype: unknown }) => prototype).filter(isOptimizer);
}

const isOptimizer = (prototype: unknown): prototype is tf.Optimizer =>
  typeof prototype === 'object' && prototype !== null && 'applyGradients' in prototype;
