import type { Frame, Painter } from './point-layer.ts';

type GL = WebGL2RenderingContext;

/** Names of renderers that are no GPU. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** @returns a painter that uses WebGL 2; null without a GPU, or where it is insufficient */
export function webglPainter(canvas: HTMLCanvasElement): Painter | null {
  const gl = canvas.getContext('webgl2', { antialias: false, depth: false, stencil: false });
  if (!gl || gl.isContextLost() || SOFTWARE.test(rendererOf(gl))) return null;
  try {
    return new WebglPainter(canvas, gl);
  } catch {
    return null;
  }
}

/** What draws. Some browsers name only themselves, others warn where the extension is asked for. */
function rendererOf(gl: GL): string {
  const name = String(gl.getParameter(gl.RENDERER));
  const extension = /^webkit/i.test(name) ? gl.getExtension('WEBGL_debug_renderer_info') : null;
  return extension ? String(gl.getParameter(extension.UNMASKED_RENDERER_WEBGL)) : name;
}

class WebglPainter implements Painter {
  readonly kind = 'webgl2';
  readonly canvas: HTMLCanvasElement;
  readonly #gl: GL;
  readonly #program: WebGLProgram;
  readonly #places: WebGLBuffer;
  readonly #colours: WebGLBuffer;
  #count = 0;

  /** @throws Error when the shaders do not compile or link */
  constructor(canvas: HTMLCanvasElement, gl: GL) {
    this.canvas = canvas;
    this.#gl = gl;
    this.#program = linked(gl);
    gl.useProgram(this.#program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.#places = this.#attribute('place', 2, gl.FLOAT);
    this.#colours = this.#attribute('colour', 4, gl.UNSIGNED_BYTE);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  }

  setPositions(map: Float32Array): void {
    const gl = this.#gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#places);
    gl.bufferData(gl.ARRAY_BUFFER, map, gl.STATIC_DRAW);
    this.#count = 0;
  }

  setStyle(colours: Uint8Array, order: Uint32Array): void {
    const gl = this.#gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#colours);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.STATIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, order, gl.STATIC_DRAW);
    this.#count = order.length;
  }

  draw({ ratio, diameter, alpha, view, size }: Frame): boolean {
    const gl = this.#gl;
    const uniform = (name: string) => gl.getUniformLocation(this.#program, name);
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(uniform('centre'), view.x, view.y);
    gl.uniform2f(uniform('scale'), (2 * view.scale) / size.width, (2 * view.scale) / size.height);
    gl.uniform1f(uniform('size'), diameter * ratio);
    gl.uniform1f(uniform('alpha'), alpha);
    gl.drawElements(gl.POINTS, this.#count, gl.UNSIGNED_INT, 0);
    return false;
  }

  /** A buffer of `size` floats or bytes for each point. */
  #attribute(name: string, size: number, type: number): WebGLBuffer {
    const gl = this.#gl;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    const location = gl.getAttribLocation(this.#program, name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, type, type !== gl.FLOAT, 0, 0);
    return buffer;
  }
}

/** The program that draws points. @throws Error when its shaders do not compile or link */
function linked(gl: GL): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX] as const, [gl.FRAGMENT_SHADER, FRAGMENT] as const]) {
    const shader = gl.createShader(type);
    if (!shader) continue;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`the map's shaders cannot be used: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}

/** Round points with a map position and a colour each. */
const VERTEX = `#version 300 es
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
  }`;
const FRAGMENT = `#version 300 es
  precision highp float;
  in vec3 tint;
  uniform float size;
  uniform float alpha;
  out vec4 result;
  void main() {
    float reach = length(gl_PointCoord - 0.5) * (size + 1.0);
    float cover = clamp(0.5 * size - reach + 0.5, 0.0, 1.0) * alpha;
    result = vec4(tint * cover, cover);
  }`;
