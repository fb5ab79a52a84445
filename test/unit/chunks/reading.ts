/** Texts, read by a vocabulary of their own. */
import { fingerprintOf, type Fingerprint } from '#domain/chunks/fingerprint.ts'
import { kindsOf } from '#domain/chunks/script.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'

export function read(text: string) {
  const vocabulary = new Vocabulary()
  const kinds = kindsOf(text)
  const tokens = tokenize(text, vocabulary, kinds)
  const texts = Array.from(tokens.ids, (id) => vocabulary.textOf(id))
  return { ...tokens, tokens, kinds, vocabulary, texts }
}

export function fingerprint(text: string): Fingerprint | undefined {
  const { tokens, vocabulary } = read(text)
  return fingerprintOf(tokens, vocabulary)
}
