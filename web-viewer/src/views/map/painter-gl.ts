import type { Rgb } from './colours.ts';
import { attribute, type Program, program } from './gl.ts';
import {
  atlasFor,
  DIM,
  FRAME,
  type Frame,
  type Painter,
  type Picture,
  type PictureLayer,
  type PictureSource,
  Slots,
  UPLOADS,
} from './painter.ts';
import { PointLayer } from './point-layer.ts';
import * as shaders from './shaders.ts';
import type { Size, View } from './transform.ts';

/** Floats per picture: its rectangle, its position in the texture, its frame's colour and its alpha. */
const STRIDE = 10;
const WANTED = 1600;

type GL = WebGL2RenderingContext;

/** @returns a painter that uses WebGL 2; null where that is unavailable or insufficient */
export function webglPainter(canvas: HTMLCanvasElement): Painter | null {
  const gl = canvas.getContext('webgl2', { alpha: false, antialias: false, depth: false, stencil: false });
  if (!gl || gl.isContextLost()) return null;
  try {
    return new WebglPainter(canvas, gl);
  } catch {
    return null;
  }
}

class WebglPainter implements Painter {
  readonly kind = 'webgl2';
  readonly canvas: HTMLCanvasElement;
  readonly #gl: GL;
  readonly #points: Program;
  readonly #pictures: Program;
  readonly #pointArrays: WebGLVertexArrayObject;
  readonly #places: WebGLBuffer;
  readonly #colours: WebGLBuffer;
  readonly #order: WebGLBuffer;
  readonly #pictureArrays: WebGLVertexArrayObject;
  readonly #instances: WebGLBuffer;
  #instanceData = new Float32Array(STRIDE * 256);
  readonly #atlases = new Map<PictureLayer, Atlas>();
  readonly #layer: PointLayer;
  #count = 0;

  constructor(canvas: HTMLCanvasElement, gl: GL) {
    this.canvas = canvas;
    this.#gl = gl;
    this.#points = program(gl, shaders.points);
    this.#pictures = program(gl, shaders.pictures);
    this.#layer = new PointLayer(gl);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);

    this.#pointArrays = gl.createVertexArray();
    gl.bindVertexArray(this.#pointArrays);
    this.#places = attribute(gl, this.#points, [['place', 2]], gl.FLOAT);
    this.#colours = attribute(gl, this.#points, [['colour', 4]], gl.UNSIGNED_BYTE);
    this.#order = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.#order);

    this.#pictureArrays = gl.createVertexArray();
    gl.bindVertexArray(this.#pictureArrays);
    attribute(gl, this.#pictures, [['corner', 2]], gl.FLOAT);
    gl.bufferData(gl.ARRAY_BUFFER, Float32Array.of(0, 0, 1, 0, 0, 1, 1, 1), gl.STATIC_DRAW);
    const parts = [['box', 4] as const, ['origin', 2] as const, ['look', 4] as const];
    this.#instances = attribute(gl, this.#pictures, parts, gl.FLOAT, 1);
    gl.bindVertexArray(null);
  }

  setPositions(map: Float32Array): void {
    const gl = this.#gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#places);
    gl.bufferData(gl.ARRAY_BUFFER, map, gl.STATIC_DRAW);
    this.#count = 0;
    this.#layer.invalidate();
  }

  setStyle(colours: Uint8Array, order: Uint32Array): void {
    const gl = this.#gl;
    gl.bindVertexArray(this.#pointArrays);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#colours);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.STATIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    this.#count = order.length;
    this.#layer.invalidate();
  }

  setSource(name: PictureLayer, source: PictureSource | null): void {
    const old = this.#atlases.get(name);
    if (old) this.#gl.deleteTexture(old.texture);
    if (source) this.#atlases.set(name, new Atlas(this.#gl, source));
    else this.#atlases.delete(name);
  }

  draw(frame: Frame): boolean {
    const gl = this.#gl;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(frame.ground[0] / 255, frame.ground[1] / 255, frame.ground[2] / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const waiting = this.#drawPictures('plane', frame.plane, frame);
    this.#layer.draw(frame, this.#count, (view, size) => this.#drawPoints(frame, view, size));
    return this.#drawPictures('thumbnails', frame.thumbnails, frame) || waiting;
  }

  #drawPoints({ ratio, diameter, alpha }: Frame, view: View, size: Size): void {
    const gl = this.#gl;
    const { uniforms } = this.#points;
    gl.useProgram(this.#points.program);
    gl.bindVertexArray(this.#pointArrays);
    gl.uniform2f(uniforms.centre ?? null, view.x, view.y);
    gl.uniform2f(uniforms.scale ?? null, (2 * view.scale) / size.width, (2 * view.scale) / size.height);
    gl.uniform1f(uniforms.size ?? null, diameter * ratio);
    gl.uniform1f(uniforms.alpha ?? null, alpha);
    gl.drawElements(gl.POINTS, this.#count, gl.UNSIGNED_INT, 0);
  }

  #drawPictures(name: PictureLayer, list: readonly Picture[], { size, ratio, ground, ink }: Frame): boolean {
    const atlas = this.#atlases.get(name);
    if (!atlas || list.length === 0) return false;
    const gl = this.#gl;
    if (this.#instanceData.length < STRIDE * list.length)
      this.#instanceData = new Float32Array(2 * STRIDE * list.length);
    const data = this.#instanceData;
    const { drawn, waiting } = atlas.place(list, data);
    const { program, uniforms } = this.#pictures;
    gl.useProgram(program);
    gl.bindVertexArray(this.#pictureArrays);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#instances);
    gl.bufferData(gl.ARRAY_BUFFER, data.subarray(0, STRIDE * drawn), gl.STREAM_DRAW);
    gl.bindTexture(gl.TEXTURE_2D, atlas.texture);
    gl.uniform2f(uniforms.screen ?? null, size.width, size.height);
    gl.uniform2f(uniforms.tile ?? null, atlas.source.shape.width, atlas.source.shape.height);
    gl.uniform1i(uniforms.gray ?? null, atlas.source.shape.channels === 1 ? 1 : 0);
    gl.uniform1i(uniforms.dim ?? null, name === 'plane' ? 1 : 0);
    gl.uniform1f(uniforms.strength ?? null, DIM);
    gl.uniform3f(uniforms.ground ?? null, ...unit(ground));
    gl.uniform3f(uniforms.ink ?? null, ...unit(ink));
    gl.uniform1f(uniforms.border ?? null, FRAME.width);
    gl.uniform1f(uniforms.radius ?? null, FRAME.radius);
    gl.uniform1f(uniforms.ratio ?? null, ratio);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, drawn);
    return waiting;
  }
}

const unit = ([r, g, b]: Rgb) => [r / 255, g / 255, b / 255] as const;

/** The pictures currently needed, in one texture. */
class Atlas {
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
        slot = this.#slots.take(key);
        this.#upload(slot, this.source.pixels(key));
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
