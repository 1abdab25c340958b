import { atlasFor, type Picture, type PictureSource, Slots, UPLOADS } from './painter.ts';

/** Floats per picture: its rectangle, its position in the texture, its frame's colour and its alpha. */
export const STRIDE = 10;
const WANTED = 1600;

type GL = WebGL2RenderingContext;

/** The pictures currently needed, in one texture. */
export class Atlas {
  readonly source: PictureSource;
  readonly texture: WebGLTexture;
  readonly #gl: GL;
  readonly #slots: Slots;
  readonly #columns: number;

  constructor(gl: GL, source: PictureSource) {
    const { columns, count, width, height } = atlasFor(source.shape, WANTED, gl.getParameter(gl.MAX_TEXTURE_SIZE));
    this.source = source;
    this.#gl = gl;
    this.#columns = columns;
    this.#slots = new Slots(count);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, source.shape.channels === 1 ? gl.R8 : gl.RGB8, width, height);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  }

  /** Writes the shader's attributes of each picture, uploading some of the missing ones to the texture. */
  place(list: readonly Picture[], data: Float32Array): { drawn: number; waiting: boolean } {
    let [drawn, uploads, waiting] = [0, 0, false];
    for (const { key, left, top, width, height, alpha, frame } of list.slice(0, this.#slots.count)) {
      let slot = this.#slots.find(key);
      if (slot === undefined) {
        if (uploads++ >= UPLOADS) {
          waiting = true;
          continue;
        }
        const pixels = this.source.pixels(key);
        if (!pixels) continue;
        slot = this.#slots.take(key);
        this.#upload(slot, pixels);
      }
      const [x, y] = this.#origin(slot);
      data.set([left, top, width, height, x, y, frame[0] / 255, frame[1] / 255, frame[2] / 255, alpha], STRIDE * drawn);
      drawn++;
    }
    return { drawn, waiting };
  }

  #origin(slot: number): readonly [number, number] {
    const { width, height } = this.source.shape;
    return [(slot % this.#columns) * width, Math.floor(slot / this.#columns) * height];
  }

  #upload(slot: number, pixels: Uint8Array): void {
    const gl = this.#gl;
    const { width, height, channels } = this.source.shape;
    const [x, y] = this.#origin(slot);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    const format = channels === 1 ? gl.RED : gl.RGB;
    gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, width, height, format, gl.UNSIGNED_BYTE, pixels);
  }
}
