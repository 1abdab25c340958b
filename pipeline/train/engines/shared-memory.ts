import koffi from 'koffi';

/** A vector register of AVX-512. */
const ALIGNMENT = 64n;

/** Memory outside of JavaScript's, which all threads reach by its address. */
export class SharedMemory {
  readonly #blocks: unknown[] = [];
  readonly #addresses = new WeakMap<ArrayBufferLike, bigint>();

  /** Zeros. */
  allocate(bytes: number): ArrayBuffer {
    // koffi counts elements in 31 bits.
    const block: unknown = koffi.alloc('uint64_t', Math.ceil(bytes / 8) + Number(ALIGNMENT) / 8);
    this.#blocks.push(block);
    const start = koffi.address(block);
    const address = start + ((ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT);
    const buffer = koffi.view(address, bytes);
    new Uint8Array(buffer).fill(0);
    this.#addresses.set(buffer, address);
    return buffer;
  }

  /** Where an array begins that is in memory of `allocate`. */
  addressOf({ buffer, byteOffset }: ArrayBufferView): bigint {
    const address = this.#addresses.get(buffer);
    if (address === undefined) throw new Error('the array is not in shared memory');
    return address + BigInt(byteOffset);
  }

  /** Frees all of it; no thread may use it any more. */
  free(): void {
    for (const block of this.#blocks.splice(0)) koffi.free(block);
  }
}
