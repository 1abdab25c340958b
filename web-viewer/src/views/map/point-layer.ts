import { type Program, program } from './gl.ts';
import type { Frame } from './painter.ts';
import * as shaders from './shaders.ts';
import type { Size, View } from './transform.ts';

/** With fewer points than this, redrawing them is as fast. */
const MIN_POINTS = 15_000;
/** The margin drawn beyond each edge of the screen, as a share of the screen. */
const MARGIN = 0.25;

/**
 * The points of a view and its surroundings, drawn once into a texture that the frames of a pan are taken from. Panning
 * then costs the same for any number of points, also without a GPU.
 */
export class PointLayer {
  readonly #gl: WebGL2RenderingContext;
  readonly #copy: Program;
  readonly #texture: WebGLTexture;
  readonly #target: WebGLFramebuffer;
  #width = 0;
  #height = 0;
  /** Appearance of the last frame's points, of the texture's points, and the texture's view. */
  #last = '';
  #held = '';
  #view: View = { x: 0, y: 0, scale: 1 };

  constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
    this.#copy = program(gl, shaders.copy);
    this.#texture = gl.createTexture();
    this.#target = gl.createFramebuffer();
  }

  /** Invalidates the texture after the points have changed. */
  invalidate(): void {
    this.#held = '';
    this.#last = '';
  }

  /**
   * Draws the points of a frame.
   * @param render draws the points onto the bound target, for a view and a screen size
   */
  draw(frame: Frame, count: number, render: (view: View, size: Size) => void): void {
    const { view, size, ratio, diameter, alpha } = frame;
    const look = [view.scale, size.width, size.height, ratio, diameter, alpha].join();
    const steady = look === this.#last;
    this.#last = look;
    // While zooming, each frame differs from the previous one.
    if (count < MIN_POINTS || !steady) {
      render(view, size);
      return;
    }
    const gl = this.#gl;
    const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
    const [wide, high] = [Math.ceil(width * MARGIN), Math.ceil(height * MARGIN)];
    const shift = () => [
      Math.round((view.x - this.#view.x) * view.scale * ratio),
      Math.round((view.y - this.#view.y) * view.scale * ratio),
    ];
    let [right = 0, up = 0] = shift();
    if (look !== this.#held || Math.abs(right) > wide || Math.abs(up) > high) {
      this.#bind(width + 2 * wide, height + 2 * high);
      render(view, { width: this.#width / ratio, height: this.#height / ratio });
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
      gl.viewport(0, 0, width, height);
      [this.#view, this.#held, right, up] = [view, look, 0, 0];
    }
    gl.useProgram(this.#copy.program);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.uniform2i(this.#copy.uniforms.shift ?? null, wide + right, high + up);
    gl.bindVertexArray(null);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Makes an empty texture the render target. */
  #bind(width: number, height: number): void {
    const gl = this.#gl;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#target);
    if (width !== this.#width || height !== this.#height) {
      [this.#width, this.#height] = [width, height];
      gl.bindTexture(gl.TEXTURE_2D, this.#texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.#texture, 0);
    }
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }
}
