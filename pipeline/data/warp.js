/**
 * Random changes of training images. Plain JavaScript, because the loader's threads run it too.
 * @import { Augmentation } from './augment.ts'
 * @import { ImageShape } from './dataset.ts'
 */

/**
 * What is done to an image, in this order.
 * @typedef {object} Change
 * @property {boolean} flip mirrored left to right
 * @property {number} scale factor, about the centre
 * @property {number} angle radians clockwise, about the centre
 * @property {number} right pixels
 * @property {number} down pixels
 * @property {number} brightness factor
 */

/**
 * Draws the change of one image. It depends on its arguments only, so batches, threads and interruptions do not matter.
 * @param {Augmentation} augmentation
 * @param {ImageShape} shape
 * @param {number} seed any safe integer
 * @param {number} epoch counted from 0
 * @param {number} image its index in the data set
 * @returns {Change}
 */
export function drawChange({ flip, shift, rotate, zoom, brightness }, { height, width }, seed, epoch, image) {
  const words = [seed, Math.floor(seed / 2 ** 32), epoch, image];
  /** @type {(index: number) => number} The draw of that index, in [0, 1). */
  const draw = (index) => hashWords([...words, index]) / 2 ** 32;
  /** @type {(index: number, most: number) => number} */
  const within = (index, most) => most && (2 * draw(index) - 1) * most;
  // Whole pixels keep their values, which a turn or a zoom blurs in any case.
  const place = zoom || rotate ? (/** @type {number} */ pixels) => pixels : Math.round;
  return {
    flip: flip && draw(0) < 0.5,
    scale: 1 + within(1, zoom),
    angle: (within(2, rotate) * Math.PI) / 180,
    right: place(within(3, shift * width)) + 0, // no -0
    down: place(within(4, shift * height)) + 0,
    brightness: 1 + within(5, brightness),
  };
}

/**
 * MurmurHash3 (Appleby 2011; x86, 32 bits, seed 0) of 32-bit words; of larger numbers the low 32 bits count.
 * @param {readonly number[]} words
 */
export function hashWords(words) {
  let hash = 0;
  for (const word of words) {
    const k = Math.imul(word, 0xcc9e2d51);
    hash ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= 4 * words.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Changes an image. Pixels are interpolated bilinearly at once, where an image is scaled, turned or moved; beyond the edge
 * its pixels repeat. Values are rounded to the nearest and clipped.
 * @param {Uint8Array} source `[H, W, C]`
 * @param {Uint8Array} target of the same size, other memory
 * @param {ImageShape} shape
 * @param {Change} change
 */
export function changeImage(source, target, shape, change) {
  const { scale, angle, right, down, brightness } = change;
  if (scale !== 1 || angle !== 0 || right !== 0 || down !== 0) return interpolate(source, target, shape, change);
  if (change.flip) mirror(source, target, shape);
  else target.set(source);
  if (brightness === 1) return;
  for (let i = 0; i < target.length; i++) target[i] = Math.min(255, valueAt(target, i) * brightness + 0.5);
}

/** @type {(pixels: Uint8Array, index: number) => number} */
const valueAt = (pixels, index) => /** @type {number} */ (pixels[index]);

/**
 * @param {Uint8Array} source
 * @param {Uint8Array} target
 * @param {ImageShape} shape
 */
function mirror(source, target, { width, channels }) {
  const row = width * channels;
  for (let start = 0; start < target.length; start += row) {
    for (let x = 0; x < row; x += channels) {
      const from = start + row - channels - x;
      for (let c = 0; c < channels; c++) target[start + x + c] = valueAt(source, from + c);
    }
  }
}

/**
 * For each pixel of the target, the inverse change gives the place in the source: p = c + M (q − c − t), with c the centre,
 * t the shift and M the inverse of flip, scale and rotation.
 * @param {Uint8Array} source
 * @param {Uint8Array} target
 * @param {ImageShape} shape
 * @param {Change} change
 */
function interpolate(source, target, { height, width, channels }, { flip, scale, angle, right, down, brightness }) {
  const [lastX, lastY, row] = [width - 1, height - 1, width * channels];
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  const side = flip ? -1 : 1;
  let at = 0;
  for (let y = 0; y < height; y++) {
    const v = y - lastY / 2 - down;
    for (let x = 0; x < width; x++) {
      const u = x - lastX / 2 - right;
      const px = Math.min(Math.max(lastX / 2 + side * (cos * u + sin * v), 0), lastX);
      const py = Math.min(Math.max(lastY / 2 + cos * v - sin * u, 0), lastY);
      const left = Math.floor(px);
      const top = Math.floor(py);
      const lower = (py - top) * brightness;
      const upper = brightness - lower;
      const fx = px - left;
      const a = top * row + left * channels;
      const b = left < lastX ? a + channels : a;
      const below = top < lastY ? row : 0;
      for (let c = 0; c < channels; c++, at++) {
        const l = valueAt(source, a + c) * upper + valueAt(source, a + below + c) * lower;
        const r = valueAt(source, b + c) * upper + valueAt(source, b + below + c) * lower;
        target[at] = Math.min(255, l + (r - l) * fx + 0.5);
      }
    }
  }
}
