export type Rgb = readonly [number, number, number];

/** `#rrggbb` as three bytes. */
export const rgbOf = (hex: string): Rgb => {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
};
/** As CSS has it; of one channel as of three. */
export const cssOf = ([red = 0, green = red, blue = red]: readonly number[]): string => `rgb(${red} ${green} ${blue})`;

/** The panel's colour in the dark theme, and the contrast that WCAG 2.2 asks of graphics (criterion 1.4.11). */
const DARK_PANEL = '#1c1f25';
const CONTRAST = 3;

/** Relative luminance of a colour `#rrggbb`, as WCAG 2.2 defines it. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = rgbOf(hex).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** A colour, lightened until it stands out from the dark panel. */
export function onDark(hex: string): string {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = rgbOf(hex).map((value) => Math.round(value + share * (255 - value)));
    const lighter = `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
    if ((luminance(lighter) + 0.05) / (luminance(DARK_PANEL) + 0.05) >= CONTRAST) return lighter;
  }
  return '#ffffff';
}
