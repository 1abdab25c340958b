import type { Rgb } from './colours.ts';
import { attribute, type Program, program } from './gl.ts';
import {
  Atlas,
  DIM,
  FRAME,
  type Frame,
  type Painter,
  type Picture,
  type PictureLayer,
  type PictureSource,
} from './painter.ts';
import { PointLayer, type PointTarget, type Range } from './point-layer.ts';
import * as shaders from './shaders.ts';
import type { Size, View } from './transform.ts';

/** Points that software draws in a frame. */
const PORTION = 12_000;
/** Floats per picture: its rectangle, its position in the texture, its frame's colour and its alpha. */
const STRIDE = 10;

/** A texture to draw on. */
interface Target {
  readonly texture: WebGLTexture;
  readonly frame: WebGLFramebuffer;
  readonly width: number;
  readonly height: number;
}

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

class WebglPainter implements Painter, PointTarget<Target> {
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
  readonly #atlases = new Map<PictureLayer, { readonly atlas: Atlas; readonly texture: WebGLTexture }>();
  readonly #copy: Program;
  readonly #layer = new PointLayer<Target>(this, PORTION);

  constructor(canvas: HTMLCanvasElement, gl: GL) {
    this.canvas = canvas;
    this.#gl = gl;
    this.#points = program(gl, shaders.points);
    this.#pictures = program(gl, shaders.pictures);
    this.#copy = program(gl, shaders.copy);
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
    this.#layer.setOrder(new Uint32Array());
  }

  setStyle(colours: Uint8Array, order: Uint32Array): void {
    const gl = this.#gl;
    gl.bindVertexArray(this.#pointArrays);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#colours);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.STATIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, this.#layer.setOrder(order), gl.STATIC_DRAW);
    gl.bindVertexArray(null);
  }

  setSource(name: PictureLayer, source: PictureSource | null): void {
    const gl = this.#gl;
    gl.deleteTexture(this.#atlases.get(name)?.texture ?? null);
    this.#atlases.delete(name);
    if (!source) return;
    const atlas = new Atlas(source, gl.getParameter(gl.MAX_TEXTURE_SIZE));
    const texture = gl.createTexture();
    this.#atlases.set(name, { atlas, texture });
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, source.shape.channels === 1 ? gl.R8 : gl.RGB8, atlas.width, atlas.height);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  }

  draw(frame: Frame): boolean {
    const gl = this.#gl;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(frame.ground[0] / 255, frame.ground[1] / 255, frame.ground[2] / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const waiting = this.#drawPictures('plane', frame.plane, frame);
    const more = this.#layer.draw(frame, performance.now());
    return this.#drawPictures('thumbnails', frame.thumbnails, frame) || waiting || more;
  }

  clear(old: Target | null, width: number, height: number): Target {
    const gl = this.#gl;
    const target = old?.width === width && old.height === height ? old : this.#target(width, height);
    if (old && target !== old) {
      gl.deleteFramebuffer(old.frame);
      gl.deleteTexture(old.texture);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return target;
  }

  #target(width: number, height: number): Target {
    const gl = this.#gl;
    const [texture, frame] = [gl.createTexture(), gl.createFramebuffer()];
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    return { texture, frame, width, height };
  }

  points(
    target: Target | null,
    [from, to]: Range,
    growth: number,
    { ratio, diameter, alpha }: Frame,
    view: View,
    size: Size,
  ): void {
    const gl = this.#gl;
    const { uniforms } = this.#points;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target?.frame ?? null);
    gl.viewport(0, 0, target?.width ?? this.canvas.width, target?.height ?? this.canvas.height);
    gl.useProgram(this.#points.program);
    gl.bindVertexArray(this.#pointArrays);
    gl.uniform2f(uniforms.centre ?? null, view.x, view.y);
    gl.uniform2f(uniforms.scale ?? null, (2 * view.scale) / size.width, (2 * view.scale) / size.height);
    gl.uniform1f(uniforms.size ?? null, diameter * ratio * growth);
    gl.uniform1f(uniforms.alpha ?? null, alpha);
    gl.drawElements(gl.POINTS, to - from, gl.UNSIGNED_INT, 4 * from);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
  }

  copy({ texture, height }: Target, x: number, y: number): void {
    const gl = this.#gl;
    gl.useProgram(this.#copy.program);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    // Rows count from below.
    gl.uniform2i(this.#copy.uniforms.shift ?? null, x, height - this.canvas.height - y);
    gl.bindVertexArray(null);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  #drawPictures(name: PictureLayer, list: readonly Picture[], { size, ratio, ground, ink }: Frame): boolean {
    const { atlas, texture } = this.#atlases.get(name) ?? {};
    if (!atlas || !texture || list.length === 0) return false;
    const gl = this.#gl;
    if (this.#instanceData.length < STRIDE * list.length)
      this.#instanceData = new Float32Array(2 * STRIDE * list.length);
    const data = this.#instanceData;
    const { width: across, height: down, channels } = atlas.source.shape;
    let drawn = 0;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    const waiting = atlas.place(
      list,
      (pixels, x, y) => {
        const format = channels === 1 ? gl.RED : gl.RGB;
        gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, across, down, format, gl.UNSIGNED_BYTE, pixels);
      },
      ({ left, top, width, height, alpha, frame }, x, y) => {
        data.set([left, top, width, height, x, y, ...unit(frame), alpha], STRIDE * drawn);
        drawn++;
      },
    );
    const { program, uniforms } = this.#pictures;
    gl.useProgram(program);
    gl.bindVertexArray(this.#pictureArrays);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#instances);
    gl.bufferData(gl.ARRAY_BUFFER, data.subarray(0, STRIDE * drawn), gl.STREAM_DRAW);
    gl.uniform2f(uniforms.screen ?? null, size.width, size.height);
    gl.uniform2f(uniforms.tile ?? null, across, down);
    gl.uniform1i(uniforms.gray ?? null, channels === 1 ? 1 : 0);
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
