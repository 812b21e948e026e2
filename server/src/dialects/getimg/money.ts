// Credits as dollars. Exact: integers are multiplied, and the decimal is written digit by digit; no float takes part.

/** At least two decimals, more only where they are needed: 5 credits at a cent are `0.05`. */
export function toUsdText(credits: number, creditPriceUsdMicro: number): string {
  const micro = BigInt(credits) * BigInt(creditPriceUsdMicro)
  const size = micro < 0n ? -micro : micro
  const fraction = String(size % 1_000_000n).padStart(6, '0')
  return `${micro < 0n ? '-' : ''}${size / 1_000_000n}.${fraction.replace(/0{1,4}$/, '')}`
}

/** For JSON, whose writer prints the shortest decimal that stands for the number: this very one. */
export function toUsdNumber(credits: number, creditPriceUsdMicro: number): number {
  return Number(toUsdText(credits, creditPriceUsdMicro))
}
