/** What the thread of the test does. */
import { serveThread } from '#runtime/thread.ts'

export type Wanted = 'its own' | 'memory' | 'stack' | 'a fault' | 'an end'

serveThread((wanted: Wanted): string => {
  const deeper = (): number => 1 + deeper()
  const heap: number[][] = []
  switch (wanted) {
    case 'its own':
      return wanted
    case 'memory':
      for (;;) heap.push(Array.from({ length: 10_000 }, (_, i) => i + 0.5))
    case 'stack':
      return String(deeper())
    case 'a fault':
      throw new SyntaxError('a fault')
    case 'an end':
      process.exit(3)
  }
})
