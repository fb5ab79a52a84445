/** Processor time of this process so far, in milliseconds: what others do meanwhile is not in it. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
