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

/** Pictures from a texture, each in a screen rectangle: framed with round corners, or blended with the background. */
export const pictures = {
  vertex: `#version 300 es
    in vec2 corner;
    in vec4 box;
    in vec2 origin;
    in vec4 look;
    uniform vec2 screen;
    out vec2 inside;
    flat out vec2 extent;
    flat out vec2 first;
    flat out vec4 frame;
    void main() {
      vec2 place = box.xy + corner * box.zw;
      gl_Position = vec4(2.0 * place.x / screen.x - 1.0, 1.0 - 2.0 * place.y / screen.y, 0.0, 1.0);
      inside = corner;
      extent = box.zw;
      first = origin;
      frame = look;
    }`,
  fragment: `#version 300 es
    precision highp float;
    in vec2 inside;
    flat in vec2 extent;
    flat in vec2 first;
    flat in vec4 frame;
    uniform sampler2D atlas;
    uniform vec2 tile;
    uniform bool gray;
    uniform bool dim;
    uniform float strength;
    uniform vec3 ground;
    uniform vec3 ink;
    uniform float border;
    uniform float radius;
    uniform float ratio;
    out vec4 result;
    void main() {
      vec2 texel = clamp(inside * tile, vec2(0.5), tile - 0.5);
      vec3 colour = texture(atlas, (first + texel) / vec2(textureSize(atlas, 0))).rgb;
      if (dim) {
        result = vec4(gray ? mix(ground, ink, strength * colour.r) : mix(ground, colour, strength), 1.0);
        return;
      }
      if (gray) colour = colour.rrr;
      // Distance to the edge of the rounded rectangle, negative inside.
      vec2 q = abs(inside - 0.5) * extent - 0.5 * extent + radius;
      float edge = length(max(q, 0.0)) + min(max(q.x, q.y), 0.0) - radius;
      float cover = clamp(0.5 - edge * ratio, 0.0, 1.0) * frame.a;
      colour = mix(colour, frame.rgb, clamp(0.5 + (edge + border) * ratio, 0.0, 1.0));
      result = vec4(colour * cover, cover);
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
