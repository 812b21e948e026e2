// Owns colour arithmetic: colours are `#rrggbb` everywhere else in this folder.

export type Rgb = readonly [number, number, number]

/** Reads `#rrggbb`. */
export function toRgb(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16)
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255]
}

/** Writes `#rrggbb`, clamping each channel to 0-255. */
export function toHex(rgb: Rgb): string {
  const part = (v: number): string =>
    Math.max(0, Math.min(255, Math.round(v)))
      .toString(16)
      .padStart(2, '0')
  return `#${part(rgb[0])}${part(rgb[1])}${part(rgb[2])}`
}

/** `amount` 0 gives a, 1 gives b. */
export function mix(a: string, b: string, amount: number): string {
  const x = toRgb(a)
  const y = toRgb(b)
  return toHex([x[0] + (y[0] - x[0]) * amount, x[1] + (y[1] - x[1]) * amount, x[2] + (y[2] - x[2]) * amount])
}

export const lighten = (hex: string, amount: number): string => mix(hex, '#fffdf4', amount)

/** Shadows lean to blue-violet, as shade does outdoors; plain black would look dirty. */
export const darken = (hex: string, amount: number): string => mix(hex, '#17123a', amount)

/** Perceived lightness, 0 to 1. */
export function luminance(hex: string): number {
  const [r, g, b] = toRgb(hex)
  return (0.299 * r + 0.587 * g + 0.114 * b) / 255
}

/** `amount` 0 is grey, 1 unchanged, above 1 stronger. */
export function saturate(hex: string, amount: number): string {
  const [r, g, b] = toRgb(hex)
  const grey = 0.299 * r + 0.587 * g + 0.114 * b
  return toHex([grey + (r - grey) * amount, grey + (g - grey) * amount, grey + (b - grey) * amount])
}

/** Turns the hue; 360 is a full circle. */
export function turnHue(hex: string, degrees: number): string {
  const [r, g, b] = toRgb(hex)
  const angle = (degrees * Math.PI) / 180
  const c = Math.cos(angle)
  const s = Math.sin(angle)
  return toHex([
    (0.299 + 0.701 * c + 0.168 * s) * r +
      (0.587 - 0.587 * c + 0.33 * s) * g +
      (0.114 - 0.114 * c - 0.497 * s) * b,
    (0.299 - 0.299 * c - 0.328 * s) * r +
      (0.587 + 0.413 * c + 0.035 * s) * g +
      (0.114 - 0.114 * c + 0.292 * s) * b,
    (0.299 - 0.3 * c + 1.25 * s) * r +
      (0.587 - 0.588 * c - 1.05 * s) * g +
      (0.114 + 0.886 * c - 0.203 * s) * b,
  ])
}

/** Colours a prompt may name. Shades are chosen to sit well together rather than to be pure. */
export const namedColours: Readonly<Record<string, string>> = {
  red: '#d93330',
  crimson: '#b81f3a',
  scarlet: '#e23a2e',
  ruby: '#b5173f',
  maroon: '#7a2331',
  burgundy: '#6f1f35',
  pink: '#f48fb1',
  magenta: '#d6359b',
  fuchsia: '#dd3a9a',
  rose: '#e8718d',
  coral: '#fb7b63',
  salmon: '#fa9484',
  orange: '#f28a2c',
  tangerine: '#f68b2f',
  peach: '#fbc09a',
  apricot: '#f9b27c',
  amber: '#f5ab2e',
  yellow: '#f9cf3a',
  gold: '#e0ac35',
  golden: '#e6b340',
  mustard: '#d3a02c',
  lemon: '#fae35c',
  cream: '#f7edd5',
  beige: '#e3d1b0',
  ivory: '#f6f1e1',
  tan: '#cfa778',
  brown: '#8a5a37',
  chocolate: '#5d3a26',
  bronze: '#a8743a',
  copper: '#bc6c41',
  rust: '#ad4f2a',
  rusty: '#ad5a33',
  terracotta: '#cc6a48',
  ginger: '#e08a3c',
  green: '#3f9d55',
  emerald: '#1c9c6b',
  lime: '#98cf3c',
  mint: '#9fe0c0',
  olive: '#84853a',
  sage: '#9db28d',
  jade: '#2fa37b',
  teal: '#1f8a8c',
  turquoise: '#35bfc0',
  cyan: '#35c4dd',
  aqua: '#55cfd3',
  blue: '#2f6fd0',
  navy: '#1f305f',
  azure: '#3e97e6',
  cobalt: '#2250b4',
  sapphire: '#1f4fae',
  indigo: '#45399c',
  violet: '#7c4fc4',
  purple: '#8146b5',
  lavender: '#b9a5e2',
  lilac: '#cbb0e0',
  mauve: '#b58bb0',
  plum: '#7b3a6b',
  white: '#f7f5ef',
  snowy: '#f4f6f8',
  black: '#26262e',
  grey: '#8d929b',
  gray: '#8d929b',
  silver: '#bcc4cd',
  charcoal: '#3b3f49',
}
