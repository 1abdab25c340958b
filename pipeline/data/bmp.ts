import type { Decoder } from './decoder.ts';
import type { ImageHeader, StoredImage } from './image-source.ts';

/** Compressions: https://learn.microsoft.com/windows/win32/api/wingdi/ns-wingdi-bitmapinfoheader. */
const [RGB, RLE8, RLE4, BITFIELDS, ALPHABITFIELDS] = [0, 1, 2, 3, 6];

interface Bmp {
  readonly header: ImageHeader;
  readonly view: DataView;
  readonly bits: number;
  readonly compression: number;
  /** The first row that is stored is the uppermost. */
  readonly topDown: boolean;
  /** First byte of the pixels. */
  readonly offset: number;
  /** Red, green, blue of each index. */
  readonly palette: readonly (readonly number[])[];
  /** Bits of red, green, blue and, if there is any, alpha. */
  readonly masks: readonly number[];
}

function parse(bytes: Uint8Array): Bmp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const uint = (at: number) => view.getUint32(at, true);
  const size = uint(14);
  const old = size === 12; // OS/2 1.x
  if (!old && (size < 40 || size > 124)) throw new Error(`its header has ${size} bytes; 12 or 40 to 124 were expected`);
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const stored = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? RGB : uint(30);
  const possible: Readonly<Record<number, readonly number[]>> = {
    [RGB as number]: [1, 2, 4, 8, 16, 24, 32],
    [RLE8 as number]: [8],
    [RLE4 as number]: [4],
    [BITFIELDS as number]: [16, 32],
    [ALPHABITFIELDS as number]: [16, 32],
  };
  if (!possible[compression as number]?.includes(bits)) {
    throw new Error(`BMP of ${bits} bits with compression ${compression} is not supported; save it as PNG`);
  }
  const masked = compression === BITFIELDS || compression === ALPHABITFIELDS;
  const withAlpha = compression === ALPHABITFIELDS || (masked && size >= 56 && size !== 64);
  const masks = masked
    ? Array.from({ length: withAlpha ? 4 : 3 }, (_, i) => uint(54 + 4 * i)).filter((mask, i) => i < 3 || mask !== 0)
    : bits === 16
      ? [0x7c00, 0x3e0, 0x1f]
      : [0xff0000, 0xff00, 0xff];
  const entry = old ? 3 : 4;
  const start = 14 + size + (masked && size === 40 ? 4 * (compression === ALPHABITFIELDS ? 4 : 3) : 0);
  const colours = bits > 8 ? 0 : Math.min((old ? 0 : uint(46)) || 2 ** bits, 2 ** bits);
  const palette = Array.from({ length: colours }, (_, i) =>
    [2, 1, 0].map((byte) => view.getUint8(start + entry * i + byte)),
  );
  const gray = bits <= 8 && palette.every(([red, green, blue]) => red === green && green === blue);
  const channels = gray ? 1 : masks.length === 4 ? 4 : 3;
  const header: ImageHeader = { height: Math.abs(stored), width, channels, type: 'uint8' };
  return {
    header,
    view,
    bits,
    compression: compression as number,
    topDown: stored < 0,
    offset: uint(10),
    palette,
    masks,
  };
}

/** Palette indices of run-length coded pixels, in the stored order of rows. Pixels that are left out have index 0. */
function runLengths({ header, view, bits, offset }: Bmp): Uint8Array {
  const { height, width } = header;
  const indices = new Uint8Array(height * width);
  let [x, y, at] = [0, 0, offset];
  const byte = () => view.getUint8(at++);
  const put = (index: number) => {
    if (x < width && y < height) indices[y * width + x] = index;
    x++;
  };
  /** The i-th index of a run of bytes. */
  const part = (value: number, i: number) => (bits === 8 ? value : i % 2 === 0 ? value >> 4 : value & 15);
  while (y < height) {
    const [count, value] = [byte(), byte()];
    if (count > 0) for (let i = 0; i < count; i++) put(part(value, i));
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) [x, y] = [x + byte(), y + byte()];
    else {
      const first = at;
      for (let i = 0; i < value; i++) put(part(view.getUint8(first + (bits === 8 ? i : i >> 1)), i));
      const length = bits === 8 ? value : Math.ceil(value / 2);
      at = first + length + (length % 2);
    }
  }
  return indices;
}

/** Reads the bits of a mask as 0–255. */
function scaled(mask: number): (pixel: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return (pixel) => Math.round((((pixel & mask) >>> shift) * 255) / most);
}

/** bmp of 1 to 32 bits, run-length coded or not, in either order of rows. Gray palettes give one channel. */
export const bmp: Decoder = {
  open({ bytes }) {
    const file = parse(bytes);
    return { header: file.header, decode: () => decodePixels(file) };
  },
};

function decodePixels(file: Bmp): StoredImage {
  const { header, view, bits, compression, topDown, offset, palette, masks } = file;
  const { height, width, channels } = header;
  const values = new Uint8Array(height * width * channels);
  const stride = Math.ceil((bits * width) / 32) * 4;
  const runs = compression === RLE8 || compression === RLE4 ? runLengths(file) : undefined;
  const parts = masks.map(scaled);
  for (let row = 0, i = 0; row < height; row++) {
    const stored = topDown ? row : height - 1 - row;
    const start = offset + stored * stride;
    for (let x = 0; x < width; x++, i += channels) {
      if (bits <= 8) {
        const shift = 8 - bits - ((x * bits) % 8);
        const index = runs
          ? (runs[stored * width + x] as number)
          : (view.getUint8(start + ((x * bits) >> 3)) >> shift) & (2 ** bits - 1);
        const colour = palette[index];
        if (!colour) throw new Error(`a pixel has colour ${index} of ${palette.length}`);
        for (let c = 0; c < channels; c++) values[i + c] = colour[c] as number;
      } else if (bits === 24) {
        for (let c = 0; c < 3; c++) values[i + c] = view.getUint8(start + 3 * x + 2 - c);
      } else {
        const pixel = bits === 16 ? view.getUint16(start + 2 * x, true) : view.getUint32(start + 4 * x, true);
        for (let c = 0; c < channels; c++) values[i + c] = parts[c]?.(pixel) as number;
      }
    }
  }
  // Programs that know of no transparency leave alpha 0 everywhere.
  if (channels === 4 && values.every((value, i) => i % 4 < 3 || value === 0)) {
    for (let i = 3; i < values.length; i += 4) values[i] = 255;
  }
  return { ...header, values };
}
