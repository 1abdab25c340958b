type GL = WebGL2RenderingContext;

/** A program and its uniform locations. */
export interface Program {
  readonly program: WebGLProgram;
  readonly uniforms: Readonly<Record<string, WebGLUniformLocation | null>>;
}

/** @throws Error when the shaders do not compile or link */
export function program(gl: GL, source: { readonly vertex: string; readonly fragment: string }): Program {
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
export function attribute(gl: GL, { program }: Program, name: string, size: number, type: number): WebGLBuffer {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  const location = gl.getAttribLocation(program, name);
  gl.enableVertexAttribArray(location);
  gl.vertexAttribPointer(location, size, type, type !== gl.FLOAT, 0, 0);
  return buffer;
}
