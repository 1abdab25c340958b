/** Round points with a map position and a colour each. */
export const points = {
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
export const copy = {
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
