/**
 * What a size depends on beyond the model: tokens of one sequence in the graph, the same once more as those that each
 * of them looks at, sequences, rows of logits, cells of one stream of the cache and of the cache of windows, entries
 * for short runs of tokens, blocks of positions, cells or blocks that an indexer chooses.
 */
export const VARIABLES = [
  ...(['sequenceTokens', 'seenTokens', 'sequences', 'rows'] as const),
  ...(['cells', 'windowCells', 'entries', 'blocks', 'chosen'] as const),
] as const;

export type Variable = (typeof VARIABLES)[number];

/** Products of variables, each at most once: bit `i` of the index stands for `VARIABLES[i]`. */
const PRODUCTS = 1 << VARIABLES.length;

/** A number, or a sum of products of variables: the coefficient of each product that occurs. */
export type Size = number | Polynomial;

export interface Polynomial {
  readonly products: readonly number[];
  readonly factors: readonly number[];
}

/** A variable on its own, times a factor. */
export function variable(name: Variable, factor = 1): Size {
  return { products: [1 << VARIABLES.indexOf(name)], factors: [factor] };
}

/** Product of two sizes. No graph multiplies a variable with itself. */
export function times(a: Size, b: Size): Size {
  if (typeof a === 'number') return typeof b === 'number' ? a * b : scaled(b, a);
  if (typeof b === 'number') return scaled(a, b);
  if (a.products.length === 1 && b.products.length === 1) return term(a, b);
  const sums = new Map<number, number>();
  a.products.forEach((one, i) => {
    b.products.forEach((other, j) => {
      addTo(sums, together(one, other), a.factors[i]! * b.factors[j]!);
    });
  });
  return fromSums(sums);
}

const term = (a: Polynomial, b: Polynomial): Polynomial => ({
  products: [together(a.products[0]!, b.products[0]!)],
  factors: [a.factors[0]! * b.factors[0]!],
});

function together(one: number, other: number): number {
  if (one & other) throw new RangeError('a size cannot hold the square of a variable');
  return one | other;
}

export function plus(a: Size, b: Size): Size {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (b === 0) return a;
  if (a === 0) return b;
  const sums = new Map<number, number>();
  for (const size of [a, b]) {
    const { products, factors } = asPolynomial(size);
    for (let index = 0; index < products.length; index++) addTo(sums, products[index]!, factors[index]!);
  }
  return fromSums(sums);
}

export const product = (sizes: readonly Size[]): Size => sizes.reduce(times, 1);

export function scaled(size: Size, factor: number): Size {
  if (typeof size === 'number') return size * factor;
  if (factor === 1) return size;
  if (factor === 0) return 0;
  return { products: size.products, factors: size.factors.map((value) => value * factor) };
}

/** Whether two sizes are the same for every request. */
export function same(a: Size, b: Size): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b;
  if (a === b) return true;
  if (a.products.length !== b.products.length) return false;
  return a.products.every((one, index) => one === b.products[index] && a.factors[index] === b.factors[index]);
}

/** Values of all products for the values of the variables. */
export function productValues(values: Readonly<Record<Variable, number>>): Float64Array {
  const all = new Float64Array(PRODUCTS);
  all[0] = 1;
  VARIABLES.forEach((name, bit) => {
    const step = 1 << bit;
    for (let product = 0; product < step; product++) all[step + product] = all[product]! * values[name];
  });
  return all;
}

export function evaluated(size: Size, values: Float64Array): number {
  if (typeof size === 'number') return size;
  let sum = 0;
  size.products.forEach((product, index) => {
    sum += size.factors[index]! * values[product]!;
  });
  return sum;
}

/** A text that two sizes share when, and only when, they are the same. */
export function keyOf(size: Size): string {
  if (typeof size === 'number') return `${size}`;
  const { products, factors } = size;
  let key = '';
  for (let index = 0; index < products.length; index++) key += `${products[index]}:${factors[index]} `;
  return key;
}

export const asPolynomial = (size: Size): Polynomial =>
  typeof size === 'number' ? { products: [0], factors: [size] } : size;

function addTo(sums: Map<number, number>, product: number, factor: number): void {
  sums.set(product, (sums.get(product) ?? 0) + factor);
}

function fromSums(sums: ReadonlyMap<number, number>): Size {
  const terms = [...sums].filter(([, factor]) => factor !== 0).sort(([one], [other]) => one - other);
  if (terms.length === 0) return 0;
  if (terms.length === 1 && terms[0]![0] === 0) return terms[0]![1];
  return { products: terms.map(([product]) => product), factors: terms.map(([, factor]) => factor) };
}
