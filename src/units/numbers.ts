/**
 * A number with thousands separated by commas, the same in every locale.
 *
 * @example grouped(1234.5, 1) // '1,234.5'
 */
export function grouped(value: number, decimals = 0): string {
  const [whole = '0', fraction] = value.toFixed(decimals).split('.');
  const separated = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? separated : `${separated}.${fraction}`;
}

/**
 * A count of parameters as the field writes it.
 *
 * @example formatCount(401583781376) // '401.58B'
 */
export function formatCount(count: number): string {
  if (count >= 1e12) return `${grouped(count / 1e12, 2)}T`;
  if (count >= 1e9) return `${grouped(count / 1e9, 2)}B`;
  if (count >= 1e6) return `${grouped(count / 1e6, 2)}M`;
  if (count >= 1e4) return `${grouped(count / 1e3, 1)}K`;
  return grouped(count);
}
