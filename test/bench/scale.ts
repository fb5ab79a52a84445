/** `BENCH_SCALE`: how long and how often everything is measured, 1 for figures that mean something. */
const SCALE = Number(process.env['BENCH_SCALE'] ?? 1)
if (!(SCALE > 0)) throw new Error('BENCH_SCALE must be a number above 0, like 0.05')

/** How often, how many: whole, at least one. */
export const times = (count: number) => Math.max(1, Math.round(count * SCALE))

/** How long. */
export const duration = (length: number) => length * SCALE
