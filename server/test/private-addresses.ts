// Ways to write an address that must never be reached, and addresses that different parsers read differently.

/** Twenty addresses of the inside: private, loopback, link-local, shared, of clouds. */
export const privateBases = [
  '127.0.0.1',
  '127.8.9.1',
  '10.0.0.1',
  '10.255.255.254',
  '172.16.0.1',
  '172.31.255.1',
  '192.168.0.1',
  '192.168.255.2',
  '169.254.169.254',
  '169.254.170.2',
  '100.64.0.1',
  '100.100.100.200',
  '0.0.0.0',
  '0.1.2.3',
  '192.0.0.192',
  '198.18.0.1',
  '168.63.129.16',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
]

type Dice = () => number

/** Numbers that look random and are the same in every run. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 374_761_393) >>> 0
    return (state ^ (state >>> 13)) >>> 0
  }
}

const pick = <Value>(dice: Dice, values: readonly Value[]): Value => {
  const value = values[dice() % values.length]
  if (value === undefined) throw new Error('nothing to pick from')
  return value
}

/** One number of an address in any base that parsers take, with as many zeros in front as they take. */
function writeNumber(value: number, dice: Dice): string {
  const zeros = '0'.repeat(dice() % 5)
  const forms = [`${value}`, `0${zeros}${value.toString(8)}`, `0x${zeros}${value.toString(16)}`]
  const form = pick(dice, forms)
  return dice() % 2 === 0 ? form : form.toUpperCase()
}

/** Other characters that parsers take for digits and dots. */
function disguise(text: string, dice: Dice): string {
  const dots = ['.', '。', '．', '｡']
  return [...text]
    .map(letter => {
      if (letter === '.') return dice() % 3 === 0 ? pick(dice, dots) : letter
      if (!/\d/.test(letter) || dice() % 3 > 0) return letter
      const full = String.fromCodePoint(0xff10 + Number(letter))
      const circled = letter === '0' ? '⓪' : String.fromCodePoint(0x2460 + Number(letter) - 1)
      return pick(dice, [full, circled, letter])
    })
    .join('')
}

function ipv4Form(base: string, dice: Dice): string {
  const parts = base.split('.').map(Number)
  const kept = dice() % 4
  const rest = parts.slice(kept).reduce((sum, part) => sum * 256 + part, 0)
  return [...parts.slice(0, kept), rest].map(part => writeNumber(part, dice)).join('.')
}

function ipv6Form(base: string, dice: Dice): string {
  const [a = 0, b = 0, c = 0, d = 0] = base.split('.').map(Number)
  const [high, low] = [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)]
  const [notHigh, notLow] = [(((a << 8) | b) ^ 0xffff).toString(16), (((c << 8) | d) ^ 0xffff).toString(16)]
  const forms = [
    `::ffff:${high}:${low}`,
    `::ffff:${base}`,
    `0:0:0:0:0:ffff:${high}:${low}`,
    `::${high}:${low}`,
    `::${base}`,
    `64:ff9b::${high}:${low}`,
    `64:ff9b:1::${high}:${low}`,
    `2002:${high}:${low}::`,
    `2001:0:4136:e378:8000:63bf:${notHigh}:${notLow}`,
    `::ffff:0:${high}:${low}`,
    `fe80::${high}:${low}`,
    `fd00:ec2::${low}`,
    `fec0::${low}`,
  ]
  const form = pick(dice, forms)
  return `[${dice() % 2 === 0 ? form : form.toUpperCase()}]`
}

/** Hosts that mean an address of the inside to some parser, as many as asked for. */
export function listAddressForms(count: number): string[] {
  const dice = createDice(count)
  return Array.from({ length: count }, (_, index) => {
    const base = privateBases[index % privateBases.length] ?? ''
    if (index % 3 === 0) return ipv6Form(base, dice)
    const form = ipv4Form(base, dice)
    const host = index % 3 === 1 ? form : disguise(form, dice)
    return dice() % 8 === 0 ? `${host}.` : host
  })
}

/** Addresses whose host depends on who reads them; `inside` is one of ours, `port` where it listens. */
export function listParserTraps(count: number, inside: string, port: number): string[] {
  const dice = createDice(count)
  const at = `${inside}:${port}`
  const traps = [
    () => `https://pictures.example\\@${at}/`,
    () => `https://pictures.example#@${at}/`,
    () => `https://pictures.example?@${at}/`,
    () => `https://pictures.example:443@${at}/`,
    () => `https://${at}#@pictures.example/`,
    () => `https://${at}\\@pictures.example/`,
    () => `https://user:pass@${at}/`,
    () => `https://@${at}/`,
    () => `https:${at}/`,
    () => `https:/${at}/`,
    () => `https:\\\\${at}/`,
    () => `https://\t${at}/`,
    () => `ht\ntps://${at}/`,
    () => `https://${inside}%00.pictures.example:${port}/`,
    () => `https://${inside}%2e:${port}/`,
    () => `https://${inside}.:${port}/`,
    () => `HTTPS://${at}/`,
    () => `https://[::1%25lo]:${port}/`,
    () => `https://[::ffff:${inside}]:${port}/`,
    () => `https://${at}/..//pictures.example/`,
    () => `//${at}/`,
    () => `https://pictures.example/\r\nhost: ${at}`,
    () => `https://xn--${inside}:${port}/`,
    () => `https://\u00ad${at}/`,
    () => `https://${at.replaceAll('.', '%E3%80%82')}/`,
  ]
  const paths = ['', 'a.png', '?x=1', '#y', '%2e%2e/', '@', ' ', '\u0000']
  return Array.from({ length: count }, (_, index) => {
    const trap = traps[index % traps.length]
    return (trap ? trap() : '') + pick(dice, paths)
  })
}
