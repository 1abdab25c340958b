import type { Tensor } from '@tensorflow/tfjs-core';
import { productsOf } from './cpu-kernels.ts';
import type { ModelProgram, Outputs } from './from/program.ts';
import { type KernelCall, withWatchedKernels } from './kernel-watch.ts';

/** Milliseconds before anything is shown, and between lines: on a terminal, where a line replaces the last one, and in a log. */
const [FIRST, ON_TERMINAL, IN_LOG] = [3_000, 500, 10_000];

/** Multiplications and other steps of a call, about. */
function workOf({ kernel, inputs }: KernelCall, result: Tensor | Tensor[]): number {
  const [first] = [result].flat();
  return first ? first.size * Math.max(1, productsOf(kernel, inputs, first.shape)) : 0;
}

/** Shows how far a program is that computes in tfjs. */
export class WorkShown {
  readonly #stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;
  readonly #now: () => number;
  /** What a trace of the program calls, in proportion to the numbers that it is given. */
  #workPerNumber = 0;

  constructor(stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY'>, now = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  /** The program, which is to be traced: the work of its last run is what is expected of others. */
  counted<Result extends Outputs | Promise<Outputs>>(program: ModelProgram<Result>): ModelProgram<Result> {
    return {
      ...program,
      run: (given) => {
        let work = 0;
        const around = (call: KernelCall) => {
          const result = call.make(call.inputs);
          work += workOf(call, result);
          return result;
        };
        const end = () => {
          this.#workPerNumber = work / numbersIn(given);
        };
        return withWatchedKernels(around, () => program.run(given), end);
      },
    };
  }

  /** Runs `work` on these inputs, and shows how far it is after some seconds. */
  async shown<T>(what: string, given: Outputs, work: () => Promise<T>): Promise<T> {
    const [begin, all, isTerminal] = [this.#now(), this.#workPerNumber * numbersIn(given), this.#stream.isTTY];
    let [done, next, isLineOpen] = [0, begin + FIRST, false];
    const around = (call: KernelCall) => {
      const result = call.make(call.inputs);
      done += workOf(call, result);
      const seconds = (this.#now() - begin) / 1000;
      if (this.#now() < next) return result;
      next = this.#now() + (isTerminal ? ON_TERMINAL : IN_LOG);
      const text = `${what}: ${progressText(done, all, seconds)}`;
      this.#stream.write(isTerminal ? `\r${text}\x1b[K` : `${text}\n`);
      isLineOpen = isTerminal;
      return result;
    };
    const end = () => void (isLineOpen && this.#stream.write('\r\x1b[K'));
    return withWatchedKernels(around, work, end);
  }
}

const numbersIn = (given: Outputs): number => Object.values(given).reduce((sum, { size }) => sum + size, 1);

/** `34 %, 210 million multiplications per second, 1:20 left`. */
function progressText(done: number, all: number, seconds: number): string {
  const rate = `${Math.round(done / seconds / 1e6)} million multiplications per second`;
  if (done >= all) return rate;
  const left = Math.ceil((seconds * (all - done)) / done);
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
  return `${Math.floor((100 * done) / all)} %, ${rate}, ${clock} left`;
}
