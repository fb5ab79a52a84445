/** Soft thresholds: a figure just beside a limit is judged almost like one just on it. */

/** 0 up to `from`, 1 from `to` on, straight in between. */
export function ramp(x: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (x - from) / (to - from)))
}

/** 0 up to `a`, 1 from `b` to `c`, 0 from `d` on. */
export function plateau(x: number, [a, b, c, d]: readonly [number, number, number, number]) {
  return Math.min(ramp(x, a, b), 1 - ramp(x, c, d))
}
