import type { Tensor } from 'onnxruntime-common';
import { type Form, plain } from '../forms.ts';
import { product } from '../ir.ts';
import type { Values } from '../run.ts';
import { serialize } from '../serialize.ts';
import { PACKED, packGraph, type StateBuffer, unpackGraph } from '../state.ts';
import { hostTensor, Session } from './ort.ts';
import { Recent } from './recent.ts';

/**
 * Variables between steps: a graph that updates them leaves them as it wants to find them again, several in one buffer
 * and kernels in the form of the machine's convolutions. They are brought into tfjs's form when they are read.
 */
export class HeldLayout {
  readonly buffer: StateBuffer;
  readonly #spare: Tensor[] = [];
  #pack: Session | undefined;
  #unpack: Session | undefined;

  constructor(
    members: readonly { readonly shape: readonly number[]; readonly form: Form }[],
    shape: readonly number[],
  ) {
    this.buffer = { name: 'buffer', shape, members: members.map((one, i) => ({ ...one, name: `m${i}` })) };
  }

  /** Whether it is a single variable in tfjs's own form. */
  get isPlain(): boolean {
    return this.buffer.members.length === 1 && this.buffer.members[0]?.form === plain;
  }

  /** A buffer to write to, with any contents. */
  newTensor(): Tensor {
    const { shape } = this.buffer;
    return this.#spare.pop() ?? hostTensor(new Float32Array(product(shape)), shape, 'float32');
  }

  recycle(tensor: Tensor): void {
    if (this.#spare.length < 4) this.#spare.push(tensor);
  }

  /** Variables in tfjs's form as a buffer; those that are left out become zeros. */
  pack(members: readonly (Values | undefined)[]): Tensor {
    this.#pack ??= new Session(serialize(packGraph([this.buffer])), 1);
    const feeds = this.buffer.members.map(({ name, shape }, i) => {
      return [name, hostTensor(members[i] ?? new Float32Array(product(shape)), shape, 'float32')];
    });
    const packed = this.newTensor();
    this.#pack.run(Object.fromEntries(feeds), { [`${this.buffer.name}${PACKED}`]: packed });
    return packed;
  }

  /** The variables of a buffer in tfjs's form. */
  unpack(packed: Tensor): Values[] {
    this.#unpack ??= new Session(serialize(unpackGraph([this.buffer])), 1);
    const members = this.buffer.members.map(({ shape }) => new Float32Array(product(shape)));
    const fetches = this.buffer.members.map(({ name, shape }, i) => {
      return [name, hostTensor(members[i] as Values, shape, 'float32')];
    });
    this.#unpack.run({ [`${this.buffer.name}${PACKED}`]: packed }, Object.fromEntries(fetches));
    return members;
  }

  dispose(): void {
    this.#pack?.dispose();
    this.#unpack?.dispose();
    this.#pack = undefined;
    this.#unpack = undefined;
    this.#spare.length = 0;
  }
}

/** How many layouts are kept: a program that trains one model after another must not fill the memory. */
const MOST_LAYOUTS = 256;

/** Buffers by what they hold: equal layouts are one, so that graphs can pass buffers on to each other. */
export class HeldLayouts {
  readonly #layouts = new Recent<HeldLayout>(MOST_LAYOUTS);

  of({ members, shape }: StateBuffer): HeldLayout {
    const key = `${members.map((member) => `${member.form.name}[${member.shape}]`)} in [${shape}]`;
    return this.#layouts.get(key, () => new HeldLayout(members, shape));
  }

  dispose(): void {
    this.#layouts.dispose();
  }
}

/** A buffer with the values of variables. */
export class Held {
  readonly layout: HeldLayout;
  #tensor: Tensor | undefined;
  #members: Values[] | undefined;
  /** How many of its variables tensors of the program still refer to. */
  users = 0;

  constructor(layout: HeldLayout, tensor: Tensor) {
    this.layout = layout;
    this.#tensor = tensor;
  }

  get tensor(): Tensor {
    if (!this.#tensor) throw new Error('the buffer of disposed variables is used');
    return this.#tensor;
  }

  /** The values of a variable in tfjs's form. */
  member(index: number): Values {
    const { layout, tensor } = this;
    if (layout.isPlain) return tensor.data as Values;
    this.#members ??= layout.unpack(tensor);
    return this.#members[index] as Values;
  }

  /** Gives the buffer back if no tensor and no pending call needs it. */
  recycle(): void {
    if (this.users > 0 || !this.#tensor) return;
    this.layout.recycle(this.#tensor);
    this.#tensor = undefined;
    this.#members = undefined;
  }
}
