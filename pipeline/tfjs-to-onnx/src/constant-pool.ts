import { type Constant, type ElementType, product, type Ref, type Shape, sameShape, type Weight } from './ir.ts';
import type { Names } from './names.ts';
import { DerivedConstants, fingerprint, sameNumbers } from './numbers.ts';

export interface ConstantOptions {
  /** Whether each weight of the program has an initializer of its own; otherwise equal ones share one. */
  readonly keepWeights?: boolean;
  /** Constants that another builder derived from the same ones. */
  readonly derived?: DerivedConstants;
}

/** Number of elements up to which a constant is known by its numbers. */
const SMALL = 64;

/** The constants of a graph and all graphs inside it: equal ones are made once. */
export class ConstantPool {
  readonly #names: Names;
  readonly #keepWeights: boolean;
  readonly #derivedConstants: DerivedConstants;
  readonly #made = new Map<string, Ref>();
  readonly #large = new Map<string, readonly Ref[]>();
  /** Reshaped constants with their sources, and the names of constants with the names that they derive from. */
  readonly #reshaped = new Map<Ref, Ref>();
  readonly #origins = new Map<string, string>();

  constructor(names: Names, { keepWeights = false, derived = new DerivedConstants() }: ConstantOptions) {
    this.#names = names;
    this.#keepWeights = keepWeights;
    this.#derivedConstants = derived;
  }

  /**
   * A constant; equal ones are shared, small ones only under one name.
   * @param weight the tensor of the program that it is, if it is one
   */
  constant(data: Constant, shape: Shape, name: string, type: ElementType, weight?: Weight): Ref {
    if (data.length !== product(shape)) throw new Error(`constant ${name}: ${data.length} values for shape [${shape}]`);
    const make = (): Ref => ({ name: this.#names.unique(name), type, shape, constant: data, weight });
    const owner = this.#keepWeights ? weight?.name : '';
    if (data.length > SMALL) return this.#shared(`${owner}:${type}[${shape}]${fingerprint(data)}`, data, make);
    const numbers = Array.from<number | bigint, number | bigint | string>(data, (x) => (Object.is(x, -0) ? '-0' : x));
    return this.#once(`${name}:${type}[${shape}]${numbers.join()}`, make);
  }

  /** The constant with these numbers among those of the same key. */
  #shared(key: string, data: Constant, make: () => Ref): Ref {
    const similar = this.#large.get(key) ?? [];
    const found = similar.find(({ constant }) => constant && sameNumbers(constant, data)) ?? make();
    this.#large.set(key, [...new Set([...similar, found])]);
    return found;
  }

  /** A constant in another shape. */
  reshaped(x: Ref, shape: Shape, weight: Weight | undefined): Ref {
    const source = this.#reshaped.get(x) ?? x;
    if (sameShape(source.shape, shape)) return source;
    const ref = this.derived(source, `[${shape}]`, shape, (data) => data, weight);
    this.#reshaped.set(ref, source);
    return ref;
  }

  /** A constant derived from another one, once. */
  derived(from: Ref, how: string, shape: Shape, make: (data: Constant) => Constant, weight: Weight | undefined): Ref {
    return this.#once(`derived ${from.name}${how}`, () => {
      const given = from.constant as Constant;
      const data = this.#derivedConstants.of(given, `${how} of [${from.shape}]`, () => make(given));
      const ref = this.constant(data, shape, from.name, from.type, weight);
      this.#origins.set(ref.name, this.originOf(from.name) ?? from.name);
      return ref;
    });
  }

  /** The name of the constant that a derived one comes from. */
  originOf(name: string): string | undefined {
    return this.#origins.get(name);
  }

  #once(key: string, make: () => Ref): Ref {
    const made = this.#made.get(key) ?? make();
    this.#made.set(key, made);
    return made;
  }
}
