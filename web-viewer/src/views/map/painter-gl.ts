import { type Frame, type Painter, PointLayer, type PointTarget, type Range } from './point-layer.ts';
import type { Size, View } from './transform.ts';

/** Points that software draws in a frame. */
const PORTION = 12_000;

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
  const gl = canvas.getContext('webgl2', { antialias: false, depth: false, stencil: false });
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
  readonly #pointArrays: WebGLVertexArrayObject;
  readonly #places: WebGLBuffer;
  readonly #colours: WebGLBuffer;
  readonly #order: WebGLBuffer;
  readonly #copy: Program;
  readonly #layer = new PointLayer<Target>(this, PORTION);

  constructor(canvas: HTMLCanvasElement, gl: GL) {
    this.canvas = canvas;
    this.#gl = gl;
    this.#points = program(gl, POINTS);
    this.#copy = program(gl, COPY);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

    this.#pointArrays = gl.createVertexArray();
    gl.bindVertexArray(this.#pointArrays);
    this.#places = attribute(gl, this.#points, 'place', 2, gl.FLOAT);
    this.#colours = attribute(gl, this.#points, 'colour', 4, gl.UNSIGNED_BYTE);
    this.#order = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.#order);
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

  draw(frame: Frame): boolean {
    const gl = this.#gl;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    return this.#layer.draw(frame, performance.now());
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
}

/** A program and its uniform locations. */
interface Program {
  readonly program: WebGLProgram;
  readonly uniforms: Readonly<Record<string, WebGLUniformLocation | null>>;
}

/** @throws Error when the shaders do not compile or link */
function program(gl: GL, source: { readonly vertex: string; readonly fragment: string }): Program {
  const linked = gl.createProgram();
  for (const [type, text] of [
    [gl.VERTEX_SHADER, source.vertex] as const,
    [gl.FRAGMENT_SHADER, source.fragment] as const,
  ]) {
    const shader = gl.createShader(type);
    if (!shader) continue;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(linked, shader);
  }
  gl.linkProgram(linked);
  if (!gl.getProgramParameter(linked, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`the map's shaders cannot be used: ${gl.getProgramInfoLog(linked)}`);
  }
  const count = gl.getProgramParameter(linked, gl.ACTIVE_UNIFORMS) ?? 0;
  const names = Array.from({ length: count }, (_, i) => gl.getActiveUniform(linked, i)?.name ?? '');
  return {
    program: linked,
    uniforms: Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(linked, name)])),
  };
}

/** A buffer of a per-vertex attribute of `size` floats or bytes. */
function attribute(gl: GL, { program }: Program, name: string, size: number, type: number): WebGLBuffer {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  const location = gl.getAttribLocation(program, name);
  gl.enableVertexAttribArray(location);
  gl.vertexAttribPointer(location, size, type, type !== gl.FLOAT, 0, 0);
  return buffer;
}

/** Round points with a map position and a colour each. */
const POINTS = {
  vertex: `#version 300 es
    in vec2 place;
    in vec4 colour;
    uniform vec2 centre;
    uniform vec2 scale;
    uniform float size;
    out vec3 tint;
    void main() {
      gl_Position = vec4((place - centre) * scale, 0.0, 1.0);
      gl_PointSize = size + 1.0;
      tint = colour.rgb;
    }`,
  fragment: `#version 300 es
    precision highp float;
    in vec3 tint;
    uniform float size;
    uniform float alpha;
    out vec4 result;
    void main() {
      float reach = length(gl_PointCoord - 0.5) * (size + 1.0);
      float cover = clamp(0.5 * size - reach + 0.5, 0.0, 1.0) * alpha;
      result = vec4(tint * cover, cover);
    }`,
};

/** A texture's pixels, shifted. */
const COPY = {
  vertex: `#version 300 es
    void main() {
      gl_Position = vec4(vec2(gl_VertexID % 2, gl_VertexID / 2) * 4.0 - 1.0, 0.0, 1.0);
    }`,
  fragment: `#version 300 es
    precision highp float;
    uniform sampler2D layer;
    uniform ivec2 shift;
    out vec4 result;
    void main() {
      result = texelFetch(layer, ivec2(gl_FragCoord.xy) + shift, 0);
    }`,
};
