import { add, dot } from './matrix.ts';

/** Writes the gradient at a point and returns the value. */
export type Objective = (point: Float64Array, gradient: Float64Array) => Promise<number>;

/** Number of steps remembered. */
const MEMORY = 10;
/** Sufficient decrease (Armijo). */
const DECREASE = 1e-4;
/** Differences of values that may be due to rounding to float32, relative to the value: there the slope decides. */
const ROUNDING = 2 ** -23;
/** Maximum number of halvings of a step; beyond that the value no longer changes. */
const HALVINGS = 30;

interface Step {
  /** Change of the point. */
  readonly s: Float64Array;
  /** Change of the gradient. */
  readonly y: Float64Array;
  readonly rho: number;
}

/**
 * Minimizes a smooth convex function by limited-memory BFGS (Nocedal and Wright, "Numerical optimization", algorithms
 * 7.4 and 7.5) with a backtracking line search. Where values differ by no more than rounding, it ends by the approximate
 * Wolfe condition (Hager and Zhang 2005, "A new conjugate gradient method with guaranteed descent and an efficient line
 * search"). It has `converged` when no component of the gradient exceeds the tolerance.
 */
export async function minimize(
  objective: Objective,
  start: Float64Array,
  { maxIterations, tolerance }: { maxIterations: number; tolerance: number },
) {
  let point = start.slice();
  let gradient = new Float64Array(start.length);
  let value = await objective(point, gradient);
  const steps: Step[] = [];
  for (let iterations = 0; ; iterations++) {
    const largest = gradient.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
    const converged = largest <= tolerance;
    if (converged || iterations === maxIterations) return { point, value, iterations, converged };
    const direction = descent(gradient, steps);
    const slope = dot(direction, gradient);
    let [length, next, nextGradient] = [steps.length > 0 ? 1 : 1 / Math.sqrt(-slope), point, gradient];
    let nextValue = Number.POSITIVE_INFINITY;
    const accepted = () =>
      nextValue <= value + DECREASE * length * slope ||
      (nextValue <= value + ROUNDING * Math.abs(value) && dot(direction, nextGradient) <= (2 * DECREASE - 1) * slope);
    for (let halving = 0; !accepted(); halving++) {
      if (halving > HALVINGS) return { point, value, iterations, converged };
      if (halving > 0) length /= 2;
      next = point.map((number, i) => number + length * (direction[i] as number));
      nextGradient = new Float64Array(start.length);
      nextValue = await objective(next, nextGradient);
    }
    remember(steps, difference(next, point), difference(nextGradient, gradient));
    [point, gradient, value] = [next, nextGradient, nextValue];
  }
}

const difference = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value - (b[i] as number));

function remember(steps: Step[], s: Float64Array, y: Float64Array): void {
  const curvature = dot(s, y);
  if (!(curvature > 1e-12 * dot(y, y))) return; // the approximation would not stay positive definite
  steps.push({ s, y, rho: 1 / curvature });
  if (steps.length > MEMORY) steps.shift();
}

/** Minus the approximate inverse Hessian times the gradient (two-loop recursion). */
function descent(gradient: Float64Array, steps: readonly Step[]): Float64Array {
  const direction = gradient.map((number) => -number);
  const alphas = steps.toReversed().map(({ s, y, rho }) => {
    const alpha = rho * dot(s, direction);
    add(direction, -alpha, y);
    return alpha;
  });
  const last = steps.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < direction.length; i++) direction[i] = (direction[i] as number) * scale;
  }
  steps.forEach(({ s, y, rho }, i) => {
    add(direction, (alphas[steps.length - 1 - i] as number) - rho * dot(y, direction), s);
  });
  return direction;
}
