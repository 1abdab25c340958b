// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import { openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { blockCheck } from './block-sums.js';
import { changeImage, drawChange } from './warp.js';

/**
 * A worker thread that fills batches, one after another, with images that it reads by position.
 * @import { MessagePort } from 'node:worker_threads'
 * @import { LoaderData, LoaderJob, LoaderReply } from './loader.ts'
 */

const port = /** @type {MessagePort} */ (parentPort);
const { store, shape, augmentation, seed } = /** @type {LoaderData} */ (workerData);
const bytes = shape.height * shape.width * shape.channels;
const imageAt = store.kind === 'memory' ? imageInMemory(store.bytes) : imageInFiles(store.files);
/** The file that is being read. */
let reading = '';

port.on('message', (/** @type {LoaderJob} */ job) => {
  /** @type {LoaderReply['failure']} */
  let failure;
  try {
    fill(job);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    failure = { message: error.message, code: error.code, file: reading };
  }
  port.postMessage(/** @type {LoaderReply} */ ({ pixels: job.pixels, failure }), [job.pixels.buffer]);
});

/** @param {LoaderJob} job */
function fill({ indices, positions, epoch, pixels }) {
  for (const [i, index] of indices.entries()) {
    const source = imageAt(/** @type {number} */ (positions[i]));
    const target = pixels.subarray(i * bytes, (i + 1) * bytes);
    if (augmentation) changeImage(source, target, shape, drawChange(augmentation, shape, seed, epoch, index));
    else target.set(source);
  }
}

/**
 * @param {SharedArrayBuffer} shared
 * @returns {(position: number) => Uint8Array}
 */
function imageInMemory(shared) {
  const all = new Uint8Array(shared);
  return (position) => all.subarray(position * bytes, (position + 1) * bytes);
}

/**
 * @param {Extract<LoaderData['store'], { kind: 'files' }>['files']} list
 * @returns {(position: number) => Uint8Array} reads into the same memory each time
 */
function imageInFiles(list) {
  const image = new Uint8Array(bytes);
  /** @type {Map<string, number>} Descriptors of open files; they are closed when the thread ends. */
  const open = new Map();
  let end = 0;
  const files = list.map((file) => {
    end += file.images;
    const check = file.sums && blockCheck(file.path, file.sums, file.images * bytes);
    return { ...file, end, check };
  });
  return (position) => {
    const file = files.find(({ end }) => position < end);
    if (!file) throw new RangeError(`there is no image at ${position}`);
    reading = file.path;
    const descriptor = open.get(file.path) ?? openSync(file.path, 'r');
    open.set(file.path, descriptor);
    const start = file.offset + (position - (file.end - file.images)) * bytes;
    for (const block of file.check?.unchecked(start, start + bytes) ?? []) {
      const content = new Uint8Array(block.length);
      readFully(descriptor, content, block.start);
      file.check?.accept(block.index, content);
    }
    readFully(descriptor, image, start);
    return image;
  };
}

/**
 * @param {number} descriptor
 * @param {Uint8Array} target
 * @param {number} start
 */
function readFully(descriptor, target, start) {
  for (let done = 0; done < target.length; ) {
    const count = readSync(descriptor, target, done, target.length - done, start + done);
    if (count === 0) {
      const message = `it ends at byte ${start + done}, ${target.length - done} more were expected; was it changed while it was being read?`;
      throw Object.assign(new Error(message), { code: 'END_OF_FILE' });
    }
    done += count;
  }
}
