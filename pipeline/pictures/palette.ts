/**
 * Ten colours for ten classes, found by maximizing the smallest distance (OKLab) between any two as seen with normal sight
 * and without red, green or blue cones (Machado, Oliveira & Fernandes 2009): at least 0.118, twice that of common palettes.
 * Their order gives digits that models confuse (4 and 9; 3, 5 and 8) colours far apart.
 */
export const classPalette: readonly string[] = [
  '#dc51b0', // pink
  '#017662', // teal
  '#8525e9', // violet
  '#42af15', // green
  '#c52204', // red
  '#651619', // maroon
  '#dfd569', // sand
  '#aea2fa', // lavender
  '#47e9f3', // cyan
  '#402a8c', // indigo
];

/** The colour of data without classes. */
export const plainColour = '#3a6ea5';
/** The colour of inactive units. */
export const quietColour = '#b8bcc2';

/**
 * A colour for each of `count` classes: the palette for up to ten; for more, hues around the circle with alternating
 * lightness.
 */
export function classColours(count: number): readonly string[] {
  if (count <= classPalette.length) return classPalette.slice(0, count);
  const lightness = [0.55, 0.78, 0.4];
  return Array.from({ length: count }, (_, i) => {
    const light = lightness[i % lightness.length] ?? 0.55;
    return oklch(light, light > 0.7 ? 0.13 : 0.17, (2 * Math.PI * i) / count);
  });
}

/** A colour of the OKLCH space as `#rrggbb`, with its chroma reduced to what a screen can show. */
function oklch(lightness: number, chroma: number, hue: number): string {
  for (let c = chroma; c > 0; c -= 0.005) {
    const rgb = linearRgb(lightness, c * Math.cos(hue), c * Math.sin(hue));
    if (rgb.every((value) => value >= 0 && value <= 1)) return hex(rgb);
  }
  return hex(linearRgb(lightness, 0, 0));
}

function linearRgb(lightness: number, a: number, b: number): number[] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

const hex = (linear: readonly number[]): string => {
  const gamma = linear.map((value) => (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
  const bytes = Uint8ClampedArray.from(gamma, (value) => Math.round(255 * value));
  return `#${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
};
